//! Simulations of the sender against a payer with books of its own: a week in each world, everything that can go wrong
//! does, and the laws are checked at every step against what was really paid.
//!
//! `KAIJIANG_SIM_STEPS` and `KAIJIANG_SIM_SQL` set how far they go, `KAIJIANG_SIM_SEED` where they begin: a failure
//! names the seed of its world, which plays it again alone.

mod chance;
mod database;
mod faults;
mod laws;
mod payer;
mod plot;
mod pure;
mod real;
mod wire;

use std::time::Instant;

use database::Place;

/// Events offered to the machine alone.
const STEPS: u64 = 5_000_000;
/// Transactions of each database.
const TRANSACTIONS: u64 = 50_000;

/// A number from the environment, or what the short form takes.
fn setting(name: &str, short: u64) -> u64 {
    let read = |text: String| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}"));
    std::env::var(name).map_or(short, read)
}

fn report(what: &str, (steps, worlds): (u64, u64), begun: Instant) {
    let ms = begun.elapsed().as_millis();
    println!(
        "{{\"simulation\":\"{what}\",\"steps\":{steps},\"worlds\":{worlds},\"violations\":0,\"ms\":{ms}}}"
    );
}

#[test]
fn no_week_of_the_machine_alone_breaks_a_law() {
    let (wanted, first) = (setting("KAIJIANG_SIM_STEPS", STEPS), setting("KAIJIANG_SIM_SEED", 1));
    let (mut steps, mut seed, begun) = (0, first, Instant::now());
    while steps < wanted {
        let played = pure::play(seed);
        steps += played.unwrap_or_else(|law| {
            panic!("{law}; KAIJIANG_SIM_SEED={seed} KAIJIANG_SIM_STEPS=1 plays it again")
        });
        seed += 1;
    }
    report("machine", (steps, seed - first), begun);
}

async fn weeks(what: &str, place: Place) {
    let (wanted, first) = (setting("KAIJIANG_SIM_SQL", TRANSACTIONS), setting("KAIJIANG_SIM_SEED", 1));
    let (mut steps, mut seed, begun) = (0, first, Instant::now());
    while steps < wanted {
        let played = real::play(&place, seed).await;
        steps += played.unwrap_or_else(|law| {
            panic!("{law:#}; KAIJIANG_SIM_SEED={seed} KAIJIANG_SIM_SQL=1 plays it again")
        });
        seed += 1;
    }
    report(what, (steps, seed - first), begun);
}

#[tokio::test]
async fn no_week_on_sqlite_breaks_a_law() {
    weeks("sqlite", Place::files()).await;
}

#[tokio::test]
async fn no_week_on_postgres_breaks_a_law() {
    weeks("postgres", Place::server()).await;
}
