//! Staff: log-in and roles.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a member of staff may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May do everything, and invites staff.
    Owner,
    /// Prepares people, prizes and rounds; runs the draws.
    Host,
    /// Judges vouchers.
    Reviewer,
    /// Budgets, packets, books.
    Finance,
    /// Reads everything, changes nothing.
    Auditor,
}

/// Roles in one meeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeetingRoles {
    /// Id of the meeting.
    #[schema(max_length = 64)]
    pub meeting: String,
    /// At least one; never `owner`.
    #[schema(min_items = 1)]
    pub roles: Vec<Role>,
}

/// Log in with a user name and a password.
#[derive(Debug, Deserialize, ToSchema)]
pub struct LoginRequest {
    /// User name.
    #[schema(max_length = 64)]
    pub user: String,
    /// Password, 12 characters or more.
    #[schema(max_length = 256)]
    pub password: String,
    /// What the authenticator app shows, for accounts with a second factor.
    #[serde(default)]
    #[schema(max_length = 6)]
    pub code: Option<String>,
}

/// Make the first owner with the one-time link that the first start printed.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SetupRequest {
    /// The code from the link.
    #[schema(max_length = 128)]
    pub code: String,
    /// User name of the owner.
    #[schema(max_length = 64)]
    pub user: String,
    /// Password, 12 characters or more.
    #[schema(max_length = 256)]
    pub password: String,
}

/// Who is logged in.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StaffView {
    /// Id of the member of staff.
    pub id: String,
    /// User name.
    pub user: String,
    /// Roles that hold in every meeting.
    pub roles: Vec<Role>,
    /// Roles that hold in one meeting only.
    pub meetings: Vec<MeetingRoles>,
    /// Whether rounds may use the beacon drand here: the build can verify its signatures.
    pub drand: bool,
}

/// Done; nothing more to say.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// Always true.
    pub ok: bool,
}

impl Done {
    /// The one value.
    pub const OK: Self = Self { ok: true };
}
