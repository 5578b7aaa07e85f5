//! Staff: accounts, links, second factor, and who did what.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MeetingRoles, Role};

/// A member of staff as the owner sees them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StaffMember {
    /// Id.
    pub id: String,
    /// User name.
    pub user: String,
    /// Roles that hold in every meeting.
    pub roles: Vec<Role>,
    /// Roles that hold in one meeting only.
    pub meetings: Vec<MeetingRoles>,
    /// May not log in.
    pub disabled: bool,
    /// Has API tokens.
    pub token: bool,
    /// Logs in with a second factor.
    pub totp: bool,
    /// When the account was made, ms.
    pub created_at: i64,
}

/// Change an account.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct EditStaff {
    /// New roles in every meeting; at least one, unless there are some in one meeting.
    pub roles: Option<Vec<Role>>,
    /// New roles in one meeting only, each meeting once; whatever stood there before goes.
    #[schema(max_items = 100)]
    pub meetings: Option<Vec<MeetingRoles>>,
    /// Whether it may not log in.
    pub disabled: Option<bool>,
}

/// Invite somebody.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewStaffLink {
    /// Roles of the account in every meeting; at least one, unless there are some in one meeting.
    #[serde(default)]
    pub roles: Vec<Role>,
    /// Roles in one meeting only, each meeting once.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub meetings: Vec<MeetingRoles>,
    /// Whom it is for, in words; for the record.
    #[serde(default)]
    #[schema(max_length = 60)]
    pub note: String,
}

/// A link that works once. It is shown only now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StaffLink {
    /// Address to open.
    pub url: String,
    /// Until when, ms.
    pub ends_at: i64,
}

/// Use a link: make the account, or give it a new password.
#[derive(Debug, Deserialize, ToSchema)]
pub struct JoinRequest {
    /// The code from the link.
    #[schema(max_length = 128)]
    pub code: String,
    /// User name of the new account; not looked at where the link is for a new password.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub user: String,
    /// Password, 12 characters or more.
    #[schema(max_length = 256)]
    pub password: String,
}

/// An API token. It is shown only now.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StaffToken {
    /// For `Authorization: Bearer`.
    pub token: String,
}

/// Another API token.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct NewToken {
    /// What it is for, 1–60 characters.
    #[schema(min_length = 1, max_length = 60)]
    pub name: String,
    /// Only these of the account's roles; empty: all that the account has at the time.
    #[serde(default)]
    pub roles: Vec<Role>,
}

/// An API token, without itself.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Id.
    pub id: String,
    /// What it is for; empty for the one of `POST /api/staff/{id}/token`.
    pub name: String,
    /// Only these of the account's roles; empty: all.
    pub roles: Vec<Role>,
    /// When it was made, ms.
    pub made_at: i64,
    /// When it was used last, ms, to the minute.
    pub used_at: Option<i64>,
}

/// Change one's own password; all other sessions end.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PasswordChange {
    /// The present one.
    #[schema(max_length = 256)]
    pub old: String,
    /// The new one, 12 characters or more.
    #[schema(max_length = 256)]
    pub new: String,
}

/// A secret for an authenticator app. It counts once a code made with it was confirmed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TotpSecret {
    /// Base32, to be typed in.
    pub secret: String,
    /// The same as an `otpauth://` address, to be shown as a QR code.
    pub uri: String,
    /// There is one already: to confirm this one needs the password.
    pub replaces: bool,
}

/// Confirm a secret.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TotpConfirm {
    /// As it was given.
    #[schema(max_length = 64)]
    pub secret: String,
    /// What the app shows now.
    #[schema(max_length = 6)]
    pub code: String,
    /// The password, where a second factor is replaced.
    #[serde(default)]
    #[schema(max_length = 256)]
    pub password: Option<String>,
}

/// Turn the second factor off.
#[derive(Debug, Deserialize, ToSchema)]
pub struct TotpOff {
    /// The password.
    #[schema(max_length = 256)]
    pub password: String,
}

/// One line of the audit trail.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditLine {
    /// Its number, from 0.
    pub seq: i64,
    /// When, ms.
    pub at: i64,
    /// Member of staff, `attendee`, or `system`.
    pub who: String,
    /// What, such as `round.commit`.
    pub what: String,
    /// Meeting, when of one.
    pub meeting: String,
    /// What it was done to.
    pub target: String,
    /// Reason or change in words.
    pub note: String,
}

/// A page of the audit trail, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// Lines.
    pub lines: Vec<AuditLine>,
    /// Pass it as `before` for older ones; none when there are none.
    pub older: Option<i64>,
}
