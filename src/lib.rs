//! Kaijiang (开奖): a live meeting lottery whose draws anybody can check and whose packets are paid once.
//!
//! # Two promises
//!
//! **Nobody can rig a draw unnoticed.** Every draw is a few lines of a signed, hash-chained log: rules and pool are
//! committed first, public randomness is made afterwards, the result follows from both ([`draw`]). Anybody can
//! recompute it from public data: `kaijiang verify`, the page `/verify`, every phone by itself.
//!
//! **Nobody is paid twice or forgotten.** An award is an obligation with a unique reason; a packet is one bill number
//! for it. The number is durable before any call, every unclear answer means "unknown", and only a dead number may be
//! followed by a new one ([`payout`]).
//!
//! # What is where
//!
//! - SQL ([`db`]: SQLite or PostgreSQL, one text) is the truth. The store ([`store`]: in-process or Redis) is the live
//!   side: the pool, SMS codes, counters, the bus between servers. Losing it loses nothing: [`pool`] compares it with
//!   SQL's revision and digest at each commit and rebuilds it.
//! - [`wire`] holds everything that crosses the wire; the `OpenAPI` document and the web client are generated from it.
//! - Outside services are HTTP at a configured address; [`sandbox`] stands in for all of them in demo and tests.
//!
//! # Three flows, one way each
//!
//! 1. *Bind* ([`binding`]): code from the store → person and openid joined in SQL, uniqueness by constraint → place in
//!    the pool → sockets.
//! 2. *Draw* ([`round`]): pool frozen and committed → entropy, one line per source → result, seats and awards in one
//!    transaction → sockets. The screen shows a finished result; a confirmed seat makes its award payable.
//! 3. *Pay* ([`payout`]): claim → reserve → about to call → call, with no transaction open → answer stored → settled,
//!    with the ledger ([`budget`]) and the draw log ([`drawlog`]) → sockets.
//!
//! What is accepted of uploaded proofs of sale ([`voucher`]; their photos lie in [`files`]) ends in an award too, and so do
//! new people whom somebody brought ([`invite`] counts them at the binding, [`referral`] rewards): both are paid the same way.
//!
//! Events for sockets are rows written in the transaction that they speak of ([`live`]); what a server missed it reads
//! from SQL. Crashes between any two steps continue from SQL alone.
//!
//! The service account's shared token, menu and QR codes are [`official`]; messages to winners are [`notice`], which no
//! draw and no payment waits for.
//!
//! # The modules
//!
//! They stand in the order of knowledge: each uses only those above it. `tests/it/tidy.rs` checks that.

pub mod wire;

pub mod answer;
pub mod clock;
pub mod config;
pub mod error;
pub mod failpoint;
pub mod keys;
pub mod letters;
pub mod mutant;
pub mod phone;
pub mod watch;

pub mod db;
pub mod draw;

pub mod chain;

pub mod audit;

pub mod wechat;

pub mod store;

pub mod sms;

pub mod live;

pub mod app;

pub mod files;

pub mod picture;

pub mod http;

pub mod address;

pub mod auth;

pub mod idempotency;

pub mod drawlog;
pub mod meeting;

pub mod official;

pub mod notice;

pub mod pool;

pub mod invite;

pub mod people;

pub mod binding;

pub mod checkin;

pub mod approval;

pub mod budget;

pub mod payout;

pub mod voucher;

pub mod referral;

pub mod finance;

pub mod backup;

pub mod privacy;

pub mod doctor;

pub mod sandbox;

pub mod round;

pub mod stage;

pub mod server;

pub mod demo;

pub mod bench;

pub mod cli;

#[cfg(test)]
mod hostile;
