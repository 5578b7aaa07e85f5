//! At the door: ways to bind without an SMS, badges, check-in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a person proves who they are at the binding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum BindBy {
    /// A code by SMS to the phone on the roster.
    #[default]
    Sms,
    /// Staff number and name, as on the roster: for small meetings where people know each other.
    Staff,
    /// The personal code that is printed on the badge.
    Badge,
}

/// Who may come in by SMS: only those on the roster, or whoever has a phone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Registration {
    /// Only people on the roster.
    #[default]
    Closed,
    /// Whoever proves a phone number and gives a name.
    Open,
    /// The same, without tickets until a host or reviewer accepts them.
    Approval,
}

/// Somebody who registered and waits to be accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Applicant {
    /// Id of the person.
    pub id: String,
    /// Name as they gave it.
    pub name: String,
    /// Phone, masked; they proved that it is theirs.
    pub phone: String,
    /// Their number in the pool, where they have no tickets yet; none once the binding has ended.
    pub no: Option<i64>,
    /// When they were bound or, without a binding, first registered, ms.
    pub at: i64,
}

/// Those who wait.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Applicants {
    /// The first of them, in the order in which they came.
    pub people: Vec<Applicant>,
    /// All of them.
    pub total: i64,
}

/// Why somebody who registered is not accepted.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RejectRequest {
    /// The person's own page shows it: 1–100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub reason: String,
}

/// Bind without an SMS: by staff number and name, or by the badge's code, as the meeting's `bind_by` says.
#[derive(Debug, Deserialize, ToSchema)]
pub struct IdentifyRequest {
    /// Staff number, with `bind_by` = `staff`.
    #[serde(default)]
    #[schema(max_length = 32)]
    pub staff_no: String,
    /// Name as on the roster, with `bind_by` = `staff`.
    #[serde(default)]
    #[schema(max_length = 60)]
    pub name: String,
    /// The badge's 12 characters, with or without hyphens, with `bind_by` = `badge`.
    #[serde(default)]
    #[schema(max_length = 32, example = "7KQM-X2TD-9WRA")]
    pub code: String,
    /// Consent to the use of name and phone; must be true.
    pub consent: bool,
    /// Version of the text that the phone showed (`GET /api/consent`); the one in force when it is not named.
    #[serde(default)]
    #[schema(max_length = 32)]
    pub consent_version: Option<String>,
    /// 32 random bytes in hex, made on the phone and kept there (draw protocol §4).
    #[schema(min_length = 64, max_length = 64, pattern = "^[0-9a-f]{64}$")]
    pub salt: String,
}

/// A badge of one person.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Badge {
    /// The code as it is printed, in groups.
    pub code: String,
    /// What its QR code leads to; the code is in the fragment, which no server sees.
    pub link: String,
}

/// The code on the screen that says: I am in the hall.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CheckinCode {
    /// The code, for the fragment of `/m/{meeting}#checkin=`.
    pub token: String,
    /// When the next one comes, ms; this one is taken for as long again.
    pub next_at: i64,
}

/// I am in the hall.
#[derive(Debug, Deserialize, ToSchema)]
pub struct CheckinRequest {
    /// What the screen shows.
    #[schema(max_length = 64)]
    pub token: String,
}

/// Check somebody in by hand, or take it back.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PresenceRequest {
    /// Is in the hall.
    pub here: bool,
}
