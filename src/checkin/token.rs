//! The code on the screen: a keyed hash of the meeting and of the present stretch of time, so that every server makes the same
//! one and none has to be kept. A picture of it sent out of the hall is worth little after half a minute.

use subtle::ConstantTimeEq;

use crate::{
    app::App,
    clock::Ms,
    keys::{Purpose, readable},
    wire::CheckinCode,
};

/// A code is shown for this long, and taken for as long again: whoever read it at the end must get through.
const WINDOW: Ms = 15_000;
/// Characters: 80 bits.
const LENGTH: usize = 16;

fn of(app: &App, meeting: &str, window: Ms) -> String {
    let parts: [&[u8]; 3] = [b"token", meeting.as_bytes(), &window.to_be_bytes()];
    readable(&app.keys().mac(Purpose::Checkin, &parts), LENGTH)
}

/// The code of this moment.
pub(super) fn now(app: &App, meeting: &str) -> CheckinCode {
    let window = app.now().div_euclid(WINDOW);
    CheckinCode { token: of(app, meeting, window), next_at: (window + 1) * WINDOW }
}

/// Whether it is the present code or the one before.
pub(super) fn good(app: &App, meeting: &str, token: &str) -> bool {
    let window = app.now().div_euclid(WINDOW);
    let same = |window| of(app, meeting, window).as_bytes().ct_eq(token.as_bytes());
    bool::from(same(window) | same(window - 1))
}
