//! A member with language tags: `client_name`, `client_name#fr`, `client_name#ja-Jpan-JP`.
//!
//! A server returns every language that was registered and does not choose between them; the consent page of the host does.

use std::fmt;

/// A value together with its versions in other languages and scripts
/// ([RFC 7591 §2.2](https://www.rfc-editor.org/rfc/rfc7591#section-2.2)).
///
/// Tags are compared without regard to case and are kept as they were received. `Debug` shows all values.
///
/// ```
/// use tower_dcr::metadata::Localized;
///
/// let mut name = Localized::from("Example");
/// name.insert("fr", "Exemple");
/// assert_eq!(name.get("FR"), Some("Exemple"));
/// assert_eq!(name.get("de"), None);
/// assert_eq!(name.untagged(), Some("Example"));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Localized {
    untagged: Option<String>,
    // A list and not a map: the order of the document is returned, and few clients have more than five languages.
    tagged: Vec<(String, String)>,
}

impl Localized {
    /// The value without a language tag. Its language is not known.
    #[must_use]
    pub fn untagged(&self) -> Option<&str> {
        self.untagged.as_deref()
    }

    /// The value under exactly this language tag (no fallback to a broader range).
    #[must_use]
    pub fn get(&self, tag: &str) -> Option<&str> {
        let found = self.tagged.iter().find(|(known, _)| known.eq_ignore_ascii_case(tag));
        found.map(|(_, value)| value.as_str())
    }

    /// Sets the value without a language tag.
    pub fn set_untagged(&mut self, value: impl Into<String>) {
        self.untagged = Some(value.into());
    }

    /// Sets the value under a language tag. It replaces an earlier value under the same tag.
    pub fn insert(&mut self, tag: impl Into<String>, value: impl Into<String>) {
        let tag = tag.into();
        self.tagged.retain(|(known, _)| !known.eq_ignore_ascii_case(&tag));
        self.tagged.push((tag, value.into()));
    }

    /// Removes the values for which the function returns false.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.untagged = self.untagged.take().filter(|value| keep(value));
        self.tagged.retain(|(_, value)| keep(value));
    }

    /// Changes every value. One that is empty afterwards is removed.
    pub(super) fn edit_values(&mut self, change: &mut dyn FnMut(&mut String)) {
        self.untagged.iter_mut().chain(self.tagged.iter_mut().map(|(_, value)| value)).for_each(change);
        self.retain(|value| !value.is_empty());
    }

    /// All values with their tags, the untagged one first.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        let untagged = self.untagged.iter().map(|value| (None, value.as_str()));
        untagged.chain(self.tagged.iter().map(|(tag, value)| (Some(tag.as_str()), value.as_str())))
    }

    /// Whether there is no value, tagged or not.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.untagged.is_none() && self.tagged.is_empty()
    }
}

impl From<&str> for Localized {
    fn from(value: &str) -> Self {
        Self::from(value.to_owned())
    }
}

impl From<String> for Localized {
    fn from(value: String) -> Self {
        Self { untagged: Some(value), tagged: Vec::new() }
    }
}

impl fmt::Debug for Localized {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter().map(|(tag, value)| (tag.unwrap_or(""), value))).finish()
    }
}
