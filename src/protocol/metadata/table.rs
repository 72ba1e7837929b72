//! The macro behind the table of members.
//!
//! From the rows of `members.rs` it writes the struct [`ClientMetadata`](super::ClientMetadata), the static table of
//! [`Member`](super::Member) and the functions that join the two: a loop over all members, and a search by name. Rows and
//! fields cannot differ, because both come from the same lines.

macro_rules! members {
    ($($(#[$meta:meta])* $field:ident: $type:ty = $group:expr, $kind:expr $(=> $omitted:expr)? $(, $attribute:ident $($value:ident)?)*;)+) => {
        /// The metadata of a client. An absent member is `None` or empty.
        ///
        /// ```
        /// use tower_dcr::metadata::{ClientMetadata, TokenEndpointAuthMethod};
        ///
        /// let mut metadata = ClientMetadata::new();
        /// metadata.redirect_uris = vec!["https://app.example.com/cb".to_owned()];
        /// metadata.token_endpoint_auth_method = Some(TokenEndpointAuthMethod::None);
        /// metadata.client_name.set_untagged("App");
        /// assert!(metadata.to_json().contains(r#""client_name":"App""#));
        /// ```
        ///
        /// URIs are kept exactly as they were received: clients and authorization servers compare them byte for byte.
        /// Members of extensions are dropped where the extension is off
        /// ([`with_extensions`](crate::RegistryBuilder::with_extensions)).
        #[derive(Clone, Default, PartialEq)]
        #[non_exhaustive]
        pub struct ClientMetadata {
            $($(#[$meta])* pub $field: $type,)+
            /// Members beyond those above, kept where the operator declared them.
            pub extra: Extra,
        }

        /// The table of members, in the order in which they are returned.
        pub(crate) static MEMBERS: &[Member] = &[
            $(Member {
                name: stringify!($field),
                group: $group,
                kind: $kind,
                omitted: members!(@omitted $($omitted)?),
                leads: members!(@leads $($attribute $($value)?)*),
                always: members!(@always $($attribute $($value)?)*),
            },)+
        ];

        /// The position of the row of each member.
        #[allow(non_camel_case_types, reason = "a row is named as its member")]
        enum Row {
            $($field,)+
        }

        impl ClientMetadata {
            /// Every member with its row of the table.
            pub(crate) fn members(&self) -> impl Iterator<Item = (&'static Member, &dyn Field)> {
                let fields = [$(&self.$field as &dyn Field,)+];
                MEMBERS.iter().zip(fields)
            }

            /// As [`members`](Self::members), to change them.
            pub(crate) fn members_mut(&mut self) -> impl Iterator<Item = (&'static Member, &mut dyn Field)> {
                let fields = [$(&mut self.$field as &mut dyn Field,)+];
                MEMBERS.iter().zip(fields)
            }

            /// The URIs whose destination `wanted` selects, each with the row of its member.
            pub(crate) fn uris(&self, wanted: impl Fn(Leads) -> bool) -> Vec<(&'static Member, Text<'_>)> {
                let mut uris = Vec::new();
                for (member, field) in self.members().filter(|(member, _)| wanted(member.leads)) {
                    field.texts(&mut |text| uris.push((member, text)));
                }
                uris
            }

            /// A member by its name.
            pub(crate) fn member(&self, name: &str) -> Option<(&'static Member, &dyn Field)> {
                match name {
                    $(stringify!($field) => Some((&MEMBERS[Row::$field as usize], &self.$field as &dyn Field)),)+
                    _ => None,
                }
            }

            /// As [`member`](Self::member), to change it.
            pub(crate) fn member_mut(&mut self, name: &str) -> Option<(&'static Member, &mut dyn Field)> {
                match name {
                    $(stringify!($field) => Some((&MEMBERS[Row::$field as usize], &mut self.$field as &mut dyn Field)),)+
                    _ => None,
                }
            }

            /// Replaces members by those that `other` has. A localizable member is replaced with all its languages.
            #[cfg(feature = "software-statements")]
            pub(super) fn overlay(&mut self, other: Self) {
                $(if !Field::is_absent(&other.$field) {
                    self.$field = other.$field;
                })+
                self.extra.overlay(other.extra);
            }
        }
    };
    (@omitted) => { Nothing };
    (@omitted $omitted:expr) => { $omitted };
    (@leads) => { Leads::Nowhere };
    (@leads leads $leads:ident $($rest:ident)*) => { Leads::$leads };
    (@leads always $($rest:ident)*) => { members!(@leads $($rest)*) };
    (@always) => { false };
    (@always always $($rest:ident)*) => { true };
    (@always leads $leads:ident $($rest:ident)*) => { members!(@always $($rest)*) };
}

pub(super) use members;
