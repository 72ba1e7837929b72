//! Schemes that no application can own (R9): the operating system, the browser, a script engine, mail, telephony or
//! another protocol answers to them, so a redirect would leave the application that registered
//! ([RFC 8252 §7.1](https://www.rfc-editor.org/rfc/rfc8252#section-7.1)).

use std::collections::HashSet;
use std::sync::LazyLock;

/// Whole schemes in lower case.
pub(super) const BLOCKED_SCHEMES: &str = "about acap addressbook afp afs amqp amqps android-app android.resource app-prefs \
    applescript applewebdata blob brave bzr callto calshow chrome cid cifs coap coaps content cvs daap data dav \
    dav+sd davs devtools dict did dns edge externalfile facetime facetime-audio fd feed file filesystem finger \
    firefox firefox-focus firefox-private ftp ftps geo git git+ssh googlechrome googlechrome-x-callback \
    googlechromes gopher h323 hcp help hg iax iax2 im imap imaps imessage intent ios-app ipp ipps irc irc6 ircs \
    isolated-app its jar javascript jdbc jnlp jnlps jscript ldap ldapi ldaps livescript lpd macappstore macappstores \
    magnet mailto man market message mhtml mid mk mms mmst mmsto mmsu mocha mongodb moz-anno moz-filedata moz-icon \
    moz-nullprincipal moz-page-thumb moz-safe-about mqtt mqtts msnim mtp mysql news nfs nntp nntps opera opera-http \
    opera-https otpauth otpauth-migration page-icon pcast pkcs11 pop pop3 pop3s postgres postgresql prefs qrc rdp \
    redis rediss res resource rlogin rmi rsync rtmp rtmps rtsp rtsps rtspu safari-resource scp search search-ms sftp \
    shell shortcuts sip sips smb smbs sms smsto smtp smtps snews snmp ssh stun stuns svn svn+ssh tag tcp tel telnet \
    telprompt tftp tn3270 touch-http touch-https turn turns udp unix urn vbs vbscript view-source vivaldi vnc wais \
    webcal webcals webdav webdavs webkit-fake-url windowsdefender workflow ws wss wtai wyciwyg x-man-page x-radar \
    x-safari-http x-safari-https x-web-search xmpp";

/// Prefixes of families of such schemes.
const BLOCKED_PREFIXES: &[&str] = &["ms-", "itms", "x-apple", "chrome-", "microsoft-edge"];

/// The suffix of the schemes of browser extensions. A scheme with a dot is the reversed domain name of its owner and is
/// accepted.
const BLOCKED_SUFFIX: &str = "-extension";

// A set, because a linear search over two hundred names would run for every redirect URI of every registration.
static BLOCKED: LazyLock<HashSet<&str>> = LazyLock::new(|| BLOCKED_SCHEMES.split(' ').collect());

/// Whether the scheme is in the list or follows a pattern; schemes ignore case
/// ([RFC 3986 §3.1](https://www.rfc-editor.org/rfc/rfc3986#section-3.1)).
pub(super) fn is_blocked(scheme: &str) -> bool {
    let scheme = scheme.to_ascii_lowercase();
    BLOCKED.contains(scheme.as_str())
        || BLOCKED_PREFIXES.iter().any(|prefix| scheme.starts_with(prefix))
        || scheme.ends_with(BLOCKED_SUFFIX) && !scheme.contains('.')
}
