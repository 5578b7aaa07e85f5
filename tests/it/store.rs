//! The contract of the store: the same tests in this process and on a real Redis.

use std::collections::HashSet;

use kaijiang::{
    clock::Clock,
    config::Config,
    keys::row_id,
    store::{CodeTry, Hit, Member, Notice, Pool, Store, Subscription},
};

/// Redis of the test run, at a database number: tests that break connections have one of their own.
pub(crate) fn redis_url(number: u8) -> String {
    let address = std::env::var("KAIJIANG_TEST_REDIS")
        .expect("KAIJIANG_TEST_REDIS is not set: run the tests as `tests/with-services cargo test`");
    let mut address = url::Url::parse(&address).unwrap();
    address.set_path(&number.to_string());
    address.to_string()
}

fn at(redis: &str) -> (Store, Clock) {
    let clock = Clock::fixed(1_795_000_000_000);
    let mut config = Config::load(None).unwrap();
    config.redis.url = redis.into();
    (Store::open(&config, &clock).unwrap(), clock)
}

macro_rules! contract {
    ($($name:ident)*) => {
        mod memory { $(#[tokio::test] async fn $name() { let (store, clock) = super::at(""); super::$name(store, clock).await; })* }
        mod redis { $(#[tokio::test] async fn $name() { let (store, clock) = super::at(&super::redis_url(0)); super::$name(store, clock).await; })* }
    };
}

contract! {
    a_pool_grows_in_any_order
    a_lost_change_leaves_the_pool_behind_until_it_is_replaced
    an_older_change_never_undoes_a_newer_one
    too_many_waiting_changes_can_only_be_replaced
    a_code_is_right_once
    tries_are_counted_before_they_are_compared
    a_code_ends_and_a_new_one_takes_its_place
    what_a_code_has_come_to_is_told_without_a_try
    hits_slide_with_the_window
    several_hits_count_together_or_not_at_all
    tokens_are_handed_out_at_the_rate
    many_callers_share_one_rate
    values_end
    a_lock_has_one_holder
    the_bus_reaches_every_subscriber
    viewers_of_all_servers_add_up_while_they_report
}

fn member(idx: i64, weight: i64, present: bool) -> Member {
    Member { idx, pid: kaijiang::draw::hash::sha256(&idx.to_be_bytes()), weight, present }
}

async fn a_pool_grows_in_any_order(store: Store, _: Clock) {
    let meeting = row_id();
    assert_eq!(store.members(&meeting).await.unwrap(), Pool::default());
    assert!(store.enter(&meeting, &member(0, 1, true), 1, "d1").await.unwrap());
    assert!(!store.enter(&meeting, &member(2, 1, true), 3, "d3").await.unwrap(), "2 has not come yet");
    let pool = store.members(&meeting).await.unwrap();
    assert_eq!((pool.rev, pool.digest.as_str()), (1, "d1"), "the revision waits for the missing change");
    assert!(store.enter(&meeting, &member(1, 5, false), 2, "d2").await.unwrap());
    let wanted = Pool {
        members: vec![member(0, 1, true), member(1, 5, false), member(2, 1, true)],
        rev: 3,
        digest: "d3".into(),
    };
    assert_eq!(store.members(&meeting).await.unwrap(), wanted);
    assert_eq!(store.counts(&meeting).await.unwrap(), (3, 2));
    assert!(store.enter(&meeting, &member(2, 0, true), 4, "d4").await.unwrap(), "an unbound place stays");
    assert_eq!(store.members(&meeting).await.unwrap().members.len(), 3);
    assert_eq!(store.counts(&meeting).await.unwrap(), (2, 1));
}

async fn a_lost_change_leaves_the_pool_behind_until_it_is_replaced(store: Store, _: Clock) {
    let meeting = row_id();
    // As after a store was emptied: SQL is at 6 already.
    assert!(!store.enter(&meeting, &member(5, 1, true), 6, "d6").await.unwrap());
    assert_eq!(store.members(&meeting).await.unwrap().rev, 0);
    let whole = Pool {
        members: (0..6000).map(|idx| member(idx, 1, idx % 2 == 0)).collect(),
        rev: 6,
        digest: "d6".into(),
    };
    store.replace(&meeting, &whole).await.unwrap();
    assert_eq!(store.members(&meeting).await.unwrap(), whole);
    assert_eq!(store.counts(&meeting).await.unwrap(), (6000, 3000));
    assert!(store.enter(&meeting, &member(6000, 1, true), 7, "d7").await.unwrap());
    assert_eq!(store.members(&meeting).await.unwrap().digest, "d7");
    // SQL was restored from a backup: the truth may also be older.
    store
        .replace(&meeting, &Pool { members: vec![member(0, 1, true)], rev: 1, digest: "d1".into() })
        .await
        .unwrap();
    assert!(store.enter(&meeting, &member(1, 1, true), 2, "e2").await.unwrap());
    assert_eq!(store.members(&meeting).await.unwrap().digest, "e2");
}

async fn an_older_change_never_undoes_a_newer_one(store: Store, _: Clock) {
    let meeting = row_id();
    store.enter(&meeting, &member(0, 1, true), 1, "d1").await.unwrap();
    store.enter(&meeting, &member(0, 9, false), 3, "d3").await.unwrap();
    assert!(store.enter(&meeting, &member(0, 4, true), 2, "d2").await.unwrap());
    let pool = store.members(&meeting).await.unwrap();
    assert_eq!(pool.members, [member(0, 9, false)]);
    assert_eq!((pool.rev, pool.digest.as_str()), (3, "d3"));
    assert!(store.enter(&meeting, &member(0, 7, true), 2, "x").await.unwrap(), "told twice");
    assert_eq!(store.members(&meeting).await.unwrap(), pool);
    assert_eq!(store.counts(&meeting).await.unwrap(), (1, 0));
}

async fn too_many_waiting_changes_can_only_be_replaced(store: Store, _: Clock) {
    let meeting = row_id();
    for rev in 2..=4099 {
        assert!(!store.enter(&meeting, &member(rev - 1, 1, true), rev, "d").await.unwrap());
    }
    assert!(!store.enter(&meeting, &member(0, 1, true), 1, "d").await.unwrap(), "it was given up");
    assert_eq!(store.members(&meeting).await.unwrap().rev, 0);
    store.replace(&meeting, &Pool { members: vec![], rev: 4099, digest: "d".into() }).await.unwrap();
    assert!(store.enter(&meeting, &member(0, 1, true), 4100, "d").await.unwrap());
}

async fn a_code_is_right_once(store: Store, _: Clock) {
    let key = row_id();
    assert_eq!(store.take_try(&key, "right", 5).await.unwrap(), CodeTry::Expired);
    store.put_code(&key, "right", 300_000).await.unwrap();
    assert_eq!(store.take_try(&key, "wrong", 5).await.unwrap(), CodeTry::Wrong { left: 4 });
    assert_eq!(store.take_try(&key, "right", 5).await.unwrap(), CodeTry::Right);
    assert_eq!(store.take_try(&key, "right", 5).await.unwrap(), CodeTry::Used);
    assert_eq!(store.take_try(&key, "wrong", 5).await.unwrap(), CodeTry::Used);

    store.put_code(&key, "again", 300_000).await.unwrap();
    let tries = (0..20).map(|_| store.take_try(&key, "again", 50));
    let right = futures_util::future::join_all(tries).await;
    assert_eq!(right.into_iter().filter(|tried| *tried.as_ref().unwrap() == CodeTry::Right).count(), 1);
}

async fn tries_are_counted_before_they_are_compared(store: Store, _: Clock) {
    let key = row_id();
    store.put_code(&key, "right", 300_000).await.unwrap();
    for left in (0..5).rev() {
        assert_eq!(store.take_try(&key, "wrong", 5).await.unwrap(), CodeTry::Wrong { left });
    }
    assert_eq!(store.take_try(&key, "right", 5).await.unwrap(), CodeTry::TooMany);
    assert_eq!(store.take_try(&key, "right", 5).await.unwrap(), CodeTry::TooMany);
}

async fn a_code_ends_and_a_new_one_takes_its_place(store: Store, clock: Clock) {
    let key = row_id();
    store.put_code(&key, "first", 300_000).await.unwrap();
    clock.advance(299_999);
    assert_eq!(store.take_try(&key, "wrong", 5).await.unwrap(), CodeTry::Wrong { left: 4 });
    clock.advance(1);
    assert_eq!(store.take_try(&key, "first", 5).await.unwrap(), CodeTry::Expired);
    store.put_code(&key, "second", 300_000).await.unwrap();
    assert_eq!(store.take_try(&key, "first", 5).await.unwrap(), CodeTry::Wrong { left: 4 });
    assert_eq!(store.take_try(&key, "second", 5).await.unwrap(), CodeTry::Right);
}

async fn what_a_code_has_come_to_is_told_without_a_try(store: Store, clock: Clock) {
    let key = row_id();
    assert_eq!(store.dead_code(&key, 2).await.unwrap(), Some(CodeTry::Expired));
    store.put_code(&key, "right", 300_000).await.unwrap();
    for _ in 0..3 {
        assert_eq!(store.dead_code(&key, 2).await.unwrap(), None);
    }
    assert_eq!(store.take_try(&key, "wrong", 2).await.unwrap(), CodeTry::Wrong { left: 1 });
    assert_eq!(store.take_try(&key, "wrong", 2).await.unwrap(), CodeTry::Wrong { left: 0 });
    assert_eq!(store.dead_code(&key, 2).await.unwrap(), Some(CodeTry::TooMany));
    store.put_code(&key, "right", 300_000).await.unwrap();
    assert_eq!(store.take_try(&key, "right", 2).await.unwrap(), CodeTry::Right);
    assert_eq!(store.dead_code(&key, 2).await.unwrap(), Some(CodeTry::Used));
    clock.advance(300_000);
    assert_eq!(store.dead_code(&key, 2).await.unwrap(), Some(CodeTry::Expired));
}

async fn several_hits_count_together_or_not_at_all(store: Store, clock: Clock) {
    let (one, other) = (row_id(), row_id());
    let both = [(one.clone(), 60_000, 1), (other.clone(), 3_600_000, 2)];
    assert_eq!(store.hit_all(&both).await.unwrap(), Hit::Ok);
    assert_eq!(store.hit_all(&both).await.unwrap(), Hit::RetryAfter(60_000));
    clock.advance(60_000);
    assert_eq!(store.hit_all(&both).await.unwrap(), Hit::Ok, "the refused ones used nothing up");
    assert_eq!(store.hit_all(&both).await.unwrap(), Hit::RetryAfter(3_540_000), "the longest wait");
    clock.advance(60_000);
    assert_eq!(store.hit_all(&both).await.unwrap(), Hit::RetryAfter(3_480_000));
    assert_eq!(store.hit(&one, 60_000, 1).await.unwrap(), Hit::Ok, "not counted when the other one refused");
}

async fn hits_slide_with_the_window(store: Store, clock: Clock) {
    let key = row_id();
    for _ in 0..3 {
        assert_eq!(store.hit(&key, 60_000, 3).await.unwrap(), Hit::Ok);
        clock.advance(10_000);
    }
    assert_eq!(store.hit(&key, 60_000, 3).await.unwrap(), Hit::RetryAfter(30_000));
    clock.advance(29_999);
    assert_eq!(store.hit(&key, 60_000, 3).await.unwrap(), Hit::RetryAfter(1));
    clock.advance(1);
    assert_eq!(store.hit(&key, 60_000, 3).await.unwrap(), Hit::Ok, "refused ones were not counted");
    assert_eq!(store.hit(&key, 60_000, 3).await.unwrap(), Hit::RetryAfter(10_000));
    assert_eq!(store.hit(&row_id(), 60_000, 0).await.unwrap(), Hit::RetryAfter(60_000));
}

async fn tokens_are_handed_out_at_the_rate(store: Store, clock: Clock) {
    let name = row_id();
    assert_eq!(store.take_token(&name, 4).await.unwrap(), 0);
    assert_eq!(store.take_token(&name, 4).await.unwrap(), 250);
    assert_eq!(store.take_token(&name, 4).await.unwrap(), 500);
    clock.advance(600);
    assert_eq!(store.take_token(&name, 4).await.unwrap(), 150);
    clock.advance(100_000);
    assert_eq!(store.take_token(&name, 4).await.unwrap(), 0, "unused slots do not pile up");
    assert_eq!(store.take_token(&name, 4).await.unwrap(), 250);
    clock.advance(-3_600_000);
    assert_eq!(store.take_token(&name, 4).await.unwrap(), 0, "a clock that was wrong blocks nobody");
}

async fn many_callers_share_one_rate(store: Store, _: Clock) {
    let name = row_id();
    let waits = futures_util::future::join_all((0..30).map(|_| store.take_token(&name, 100))).await;
    let waits: HashSet<i64> = waits.into_iter().map(Result::unwrap).collect();
    assert_eq!(waits, (0..30).map(|nth| nth * 10).collect());
}

async fn values_end(store: Store, clock: Clock) {
    let name = row_id();
    assert_eq!(store.get(&name).await.unwrap(), None);
    store.set(&name, "开奖", 7_000_000).await.unwrap();
    store.set(&name, "token", 7_200_000).await.unwrap();
    clock.advance(7_199_999);
    assert_eq!(store.get(&name).await.unwrap().as_deref(), Some("token"));
    clock.advance(1);
    assert_eq!(store.get(&name).await.unwrap(), None);
}

async fn a_lock_has_one_holder(store: Store, clock: Clock) {
    let name = row_id();
    let first = store.lock(&name, 10_000).await.unwrap().unwrap();
    assert!(store.lock(&name, 10_000).await.unwrap().is_none());
    store.unlock(first).await.unwrap();
    let second = store.lock(&name, 10_000).await.unwrap().unwrap();
    clock.advance(10_000);
    let third = store.lock(&name, 10_000).await.unwrap().expect("the second one ended");
    store.unlock(second).await.unwrap();
    assert!(store.lock(&name, 10_000).await.unwrap().is_none(), "who came too late unlocks nobody else's");
    store.unlock(third).await.unwrap();
}

/// The next message of a meeting; other tests publish too.
async fn heard(subscription: &mut Subscription, wanted: &str) -> Vec<u8> {
    let next = async {
        loop {
            if let Notice::Message { meeting, payload } = subscription.next().await
                && meeting == wanted
            {
                return payload.to_vec();
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), next).await.expect("nothing was heard")
}

async fn the_bus_reaches_every_subscriber(store: Store, _: Clock) {
    let meeting = row_id();
    let (mut one, mut two) = (store.subscribe(), store.subscribe());
    for subscription in [&mut one, &mut two] {
        assert_eq!(subscription.next().await, Notice::Resync, "what came before is not known");
    }
    store.publish(&meeting, b"\x00\xFFbytes").await.unwrap();
    store.publish(&meeting, b"second").await.unwrap();
    for subscription in [&mut one, &mut two] {
        assert_eq!(heard(subscription, &meeting).await, b"\x00\xFFbytes");
        assert_eq!(heard(subscription, &meeting).await, b"second");
    }
}

async fn viewers_of_all_servers_add_up_while_they_report(store: Store, clock: Clock) {
    let meeting = row_id();
    assert_eq!(store.viewers(&meeting).await.unwrap(), 0);
    store.report_viewers("a", &meeting, 10).await.unwrap();
    clock.advance(20_000);
    store.report_viewers("b", &meeting, 5).await.unwrap();
    assert_eq!(store.viewers(&meeting).await.unwrap(), 15);
    clock.advance(10_000);
    assert_eq!(store.viewers(&meeting).await.unwrap(), 5, "server a is gone");
    store.report_viewers("b", &meeting, 0).await.unwrap();
    assert_eq!(store.viewers(&meeting).await.unwrap(), 0);
}

/// Redis closes the subscription's connection: it comes back and says that something may have been missed.
#[tokio::test]
async fn a_lost_subscription_comes_back() {
    let (store, _) = at(&redis_url(9));
    let meeting = row_id();
    let mut subscription = store.subscribe();
    assert_eq!(subscription.next().await, Notice::Resync);
    kill_subscriptions(9).await;
    let again = async { while subscription.next().await != Notice::Resync {} };
    tokio::time::timeout(std::time::Duration::from_secs(10), again).await.expect("it did not come back");
    store.publish(&meeting, b"after").await.unwrap();
    assert_eq!(heard(&mut subscription, &meeting).await, b"after");
}

/// Makes Redis close every subscription that was made under this database number.
pub(crate) async fn kill_subscriptions(number: u8) {
    let client = ::redis::Client::open(redis_url(number)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let list: String =
        ::redis::cmd("CLIENT").arg(&["LIST", "TYPE", "PUBSUB"]).query_async(&mut connection).await.unwrap();
    let field = |line: &str, name: &str| {
        line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('=').map(ToOwned::to_owned))
    };
    let mut killed = 0;
    for line in list.lines().filter(|line| field(line, "db").as_deref() == Some(&number.to_string())) {
        let id = field(line, "id").unwrap();
        killed += ::redis::cmd("CLIENT")
            .arg(&["KILL", "ID", &id])
            .query_async::<i64>(&mut connection)
            .await
            .unwrap();
    }
    assert!(killed > 0, "there was no subscription in {list}");
}

/// A Redis that is not there gives an error that asks to try again, quickly, and does not hinder the start.
#[tokio::test]
async fn a_redis_that_is_away_is_unavailable() {
    let mut config = Config::load(None).unwrap();
    config.redis.url = "redis://127.0.0.1:1/".into();
    let store = Store::open(&config, &Clock::System).unwrap();
    let error = kaijiang::error::ApiError::from(store.put_code("k", "h", 1000).await.unwrap_err());
    assert_eq!((error.status().as_u16(), error.code()), (503, "unavailable"));
    assert!(store.ping().await.is_err());
}
