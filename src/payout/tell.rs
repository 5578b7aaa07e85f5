//! Telling.

use super::{awards::AwardRow, next::Money, sql::Packet};
use crate::{app::App, db::Tx, error::ApiResult, wire::PacketState};

pub(super) const LOG_REFUSED: &str = "log_refused";

#[derive(Debug)]
pub(super) struct Told;

impl Told {
    pub(super) fn nothing() -> Self {
        Self
    }
    pub(super) async fn publish(self, _: &App) {}
}

pub(super) async fn winner(_: &App, _: &str, _: &str) {}

pub(super) async fn log(_: &App, _: &mut Tx, _: &AwardRow, _: &Packet, _: Money) -> ApiResult<Option<()>> {
    Ok(None)
}

pub(super) async fn seat_changed(
    _: &App,
    _: &mut Tx,
    _: &AwardRow,
    _: (PacketState, PacketState),
    _: Option<()>,
) -> ApiResult<Told> {
    Ok(Told)
}
