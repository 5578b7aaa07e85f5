//! Flows through a real server, with fakes only at the far end of the wire.

mod draws;
mod evening;
mod harness;
mod live;
mod people;
mod sandbox;
mod store;
mod tidy;
