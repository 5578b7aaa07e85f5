//! What can be changed while the sandbox runs, and the plan that it starts with.

use std::path::Path;

use anyhow::Context as _;
use figment::{
    Figment,
    providers::{Format as _, Toml},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::faults::{Fault, MAX_FAULTS};

/// Settings of the far ends; defaults are WeChat's and Aliyun's published limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// A packet is opened by its receiver after this time, milliseconds; null: only by the button.
    pub(super) auto_open_ms: Option<i64>,
    /// A transfer is confirmed by its receiver after this time, milliseconds; null: only by the button.
    pub(super) auto_confirm_ms: Option<i64>,
    /// How long an order answered with `PROCESSING` keeps running, milliseconds.
    pub(super) processing_ms: i64,
    /// Calls per second and merchant before `FREQ_LIMIT`; 0 is no limit.
    pub(super) rate_per_second: u32,
    /// Smallest packet, fen.
    pub(super) amount_min_fen: i64,
    /// Largest packet, fen.
    pub(super) amount_max_fen: i64,
    /// Packets one person may get in a Beijing day.
    pub(super) person_day_count: u32,
    /// Money one person may get in a Beijing day, fen.
    pub(super) person_day_fen: i64,
    /// Money of the merchant, fen; null is without end.
    pub(super) balance_fen: Option<i64>,
    /// Pay openids that nobody has, for load tests.
    pub(super) any_openid: bool,
    /// Whether the SMS limits per phone hold (1 a minute, 5 an hour, 10 a day).
    pub(super) sms_limits: bool,
    /// How far the books' clock is ahead, milliseconds: a day forward shows the refunds.
    pub(super) clock_ahead_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            auto_open_ms: None,
            auto_confirm_ms: None,
            processing_ms: 5_000,
            rate_per_second: 30,
            amount_min_fen: 100,
            amount_max_fen: 20_000,
            person_day_count: 10,
            person_day_fen: 100_000,
            balance_fen: None,
            any_openid: false,
            sms_limits: true,
            clock_ahead_ms: 0,
        }
    }
}

impl Settings {
    /// The settings with the named ones changed; others stay.
    pub(super) fn changed(&self, patch: Value) -> Result<Self, serde_json::Error> {
        let mut whole = serde_json::to_value(self)?;
        match (&mut whole, patch) {
            (Value::Object(whole), Value::Object(patch)) => whole.extend(patch),
            (whole, patch) => *whole = patch,
        }
        serde_json::from_value(whole)
    }
}

/// What the sandbox starts with: `kaijiang sandbox --plan FILE`, in TOML.
///
/// `[settings]` changes what it names, each `[[faults]]` is one fault as in `POST /sandbox/faults`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Plan {
    settings: serde_json::Map<String, Value>,
    faults: Vec<Fault>,
}

impl Plan {
    /// Reads and checks a plan file.
    pub fn read(file: &Path) -> anyhow::Result<Self> {
        let plan: Self = Figment::from(Toml::file_exact(file))
            .extract()
            .with_context(|| format!("the plan {} is not usable", file.display()))?;
        for (number, fault) in plan.faults.iter().enumerate() {
            if let Some(complaint) = fault.complaint() {
                anyhow::bail!("the plan {}: fault {}: {complaint}", file.display(), number + 1);
            }
        }
        anyhow::ensure!(plan.faults.len() <= MAX_FAULTS, "a plan has at most {MAX_FAULTS} faults");
        Ok(plan)
    }

    /// The settings and faults to start with.
    pub(super) fn apply(self, settings: &Settings) -> anyhow::Result<(Settings, Vec<Fault>)> {
        let settings =
            settings.changed(Value::Object(self.settings)).context("the plan's [settings] are not usable")?;
        Ok((settings, self.faults))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_change_by_name_and_unknown_names_are_refused() {
        let changed = Settings::default().changed(json!({"auto_open_ms": 3000})).expect("known");
        assert_eq!(changed, Settings { auto_open_ms: Some(3000), ..Settings::default() });
        assert!(changed.changed(json!({"auto_open": 1})).is_err());
        assert!(changed.changed(json!([])).is_err());
    }

    #[test]
    fn a_plan_names_settings_and_faults() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("plan.toml");
        let read = |text: &str| {
            std::fs::write(&file, text).expect("written");
            Plan::read(&file).and_then(|plan| plan.apply(&Settings::default()))
        };
        let plan = "[settings]\nbalance_fen = 500\n[[faults]]\nkind = \"timeout\"\ncount = 3\n";
        let (settings, faults) = read(plan).expect("a plan");
        assert_eq!((settings.balance_fen, faults.len(), faults[0].count), (Some(500), 1, 3));
        for wrong in [
            "[settings]\nbalance = 5\n",
            "[[faults]]\nkind = \"nonsense\"\n",
            "[[faults]]\nkind = \"code\"\n",
            "[faults]\n",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(Plan::read(&folder.path().join("absent.toml")).is_err());
    }
}
