//! Flows through a real server, with fakes only at the far end of the wire.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod alarms;
mod backup;
mod bad_input;
mod binding;
mod callbacks;
mod cluster;
mod crash;
mod doctor;
mod draws;
mod evening;
mod finance;
mod full_disk;
mod harness;
mod kill;
mod live;
mod notices;
mod official;
mod payout;
mod people;
mod referral;
mod sandbox;
mod sms;
mod store;
mod team;
mod tidy;
mod upgrade;
mod voucher;
mod watch;
mod words;
