//! Who may register, and what clients may do with their own registration.
//!
//! Gates, access control, tokens and permissions are independent layers: each can only refuse what the others allow.

use super::RegistryBuilder;
use crate::client::Client;
use crate::client::credential::InitialAccessToken;
use crate::hooks::access::CustomGate;
use crate::hooks::access::Gate;
use crate::hooks::management::ManagementOperation;

impl RegistryBuilder {
    /// A gate that every registration passes before access control (repeatable; gates are asked in this order). Its
    /// `Allow` lets the request continue, and the rights in it are ignored: only [`Access`](crate::Access) gives
    /// rights. Default: none.
    pub fn with_registration_gate(mut self, gate: impl Gate) -> Self {
        self.access.registration_gates.push(CustomGate::new(gate));
        self
    }

    /// A gate that every read, update and deletion passes before the token of the client is verified (repeatable; gates
    /// are asked in this order). A `RateLimit` here limits guesses of tokens. Default: none.
    pub fn with_management_gate(mut self, gate: impl Gate) -> Self {
        self.management.gates.push(CustomGate::new(gate));
        self
    }

    /// The operations that this server has for clients. The method of another operation is answered with 405 and an
    /// `Allow` without it ([RFC 7592 §2.3](https://www.rfc-editor.org/rfc/rfc7592#section-2.3)). Default: read,
    /// update and delete. To disable all of them, use [`with_management`](Self::with_management).
    pub fn with_management_operations(mut self, operations: impl IntoIterator<Item = ManagementOperation>) -> Self {
        self.management.permissions.support_only(operations);
        self
    }

    /// Which client may use which operation. A client without the permission that presents a valid token is answered
    /// with 403 `insufficient_scope` ([RFC 7592 §2.1](https://www.rfc-editor.org/rfc/rfc7592#section-2.1)); with a
    /// wrong token it gets 401 as always, so the permission of a client is not visible to others. Default: every
    /// client may use every operation on its own registration.
    pub fn with_management_permission(
        mut self,
        permission: impl Fn(&Client, ManagementOperation) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.management.permissions.permit_by(permission);
        self
    }

    /// An initial access token in the configuration (repeatable). It is valid for any number of registrations while the
    /// process runs. At least 16 characters; only its digest is kept. Needs [`Access::Tokens`](crate::Access::Tokens).
    /// Default: none.
    pub fn with_initial_access_token(mut self, token: impl Into<String>) -> Self {
        // Hashed at once: the text of the token is not stored in the builder.
        self.access.add_static_token(&InitialAccessToken::new(token));
        self
    }

    /// Whether clients manage their registration ([RFC 7592](https://www.rfc-editor.org/rfc/rfc7592)). Without it no
    /// registration access token is issued, the paths of clients pass through, and the other options of management are
    /// refused. Default: yes.
    pub fn with_management(mut self, management: bool) -> Self {
        self.management.enabled = management;
        self
    }

    /// Whether an update issues a new registration access token
    /// ([RFC 7592 §5](https://www.rfc-editor.org/rfc/rfc7592#section-5)). Default: no.
    ///
    /// The token that a client presents, and every later one, stay valid until a later one is used. So a client that
    /// lost a reply, for example because the connection broke, is not locked out of its registration.
    ///
    /// An update that began with the current token and finds it replaced when it writes is answered with 409. One
    /// that began with an earlier token repeats an update whose reply was lost, and is accepted. While three tokens
    /// are valid no further one is issued, and the reply has the presented token.
    pub fn with_registration_token_rotation(mut self, rotation: bool) -> Self {
        self.management.token_rotation = rotation;
        self
    }

    /// Whether an update must contain `client_id`, as
    /// [RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2) demands. Default: no, because the URL
    /// names the client already and deployed clients omit the member. A `client_id` that is present must always be
    /// the right one.
    pub fn with_client_id_required(mut self, strict: bool) -> Self {
        self.management.client_id_required = strict;
        self
    }
}
