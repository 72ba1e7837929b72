//! Who may register, and what clients may do with their own registration.

use super::RegistryBuilder;
use crate::client::Client;
use crate::client::credential::InitialAccessToken;
use crate::hooks::access::CustomGate;
use crate::hooks::access::Gate;
use crate::hooks::management::ManagementOperation;

impl RegistryBuilder {
    /// A gate that every registration passes before access control (repeatable; gates are asked in this order). Its
    /// `Allow` permits the request to continue; the rights in it are ignored. Default: none.
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

    /// The operations that exist for clients; the method of another one is answered with 405 and an `Allow` without it
    /// ([RFC 7592 §2.3](https://www.rfc-editor.org/rfc/rfc7592#section-2.3)). Default: all three. For none at all see
    /// [`with_management`](Self::with_management).
    pub fn with_management_operations(mut self, operations: impl IntoIterator<Item = ManagementOperation>) -> Self {
        self.management.permissions.support_only(operations);
        self
    }

    /// Which client may use which of the operations. A client that may not, and has presented a valid token, is answered
    /// with 403 `insufficient_scope` ([RFC 7592 §2.1](https://www.rfc-editor.org/rfc/rfc7592#section-2.1)). Default:
    /// every client may do everything with its own registration.
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

    /// Whether an update brings a new registration access token. Every token of a reply is valid until a later one is
    /// used, so a client that lost a reply is not locked out. An update that began with the current token and finds it replaced when it
    /// writes is answered with 409; one that begins with an earlier token repeats an update whose reply was lost, and is
    /// accepted. While three tokens are valid no further one is issued: the reply has the presented token. Default: no
    /// ([RFC 7592 §5](https://www.rfc-editor.org/rfc/rfc7592#section-5)).
    pub fn with_registration_token_rotation(mut self, rotation: bool) -> Self {
        self.management.token_rotation = rotation;
        self
    }

    /// Whether an update must contain `client_id`, as
    /// [RFC 7592 §2.2](https://www.rfc-editor.org/rfc/rfc7592#section-2.2) says. Default: no, since the URL names the
    /// client and deployed clients leave it out.
    pub fn with_client_id_required(mut self, strict: bool) -> Self {
        self.management.client_id_required = strict;
        self
    }
}
