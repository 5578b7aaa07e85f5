//! Kaijiang (开奖): a live meeting lottery whose draws anybody can check and whose packets are paid once.
//!
//! Modules stand in the order of knowledge: each uses only those above it.

pub mod wire;

pub mod clock;
pub mod config;
pub mod error;
pub mod failpoint;
pub mod keys;
pub mod phone;

pub mod db;
pub mod draw;

pub mod chain;

pub mod audit;

pub mod wechat;

pub mod store;

pub mod sms;

pub mod live;

pub mod app;

pub mod http;

pub mod auth;

pub mod idempotency;

pub mod drawlog;
pub mod meeting;

pub mod pool;

pub mod people;

pub mod binding;

pub mod budget;

pub mod payout;

pub mod sandbox;

pub mod round;

pub mod stage;

pub mod server;

pub mod demo;

pub mod cli;
