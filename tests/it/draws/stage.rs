//! A meeting with bound people, run on the modules without HTTP, with a clock that stands still.

use std::sync::Arc;

use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use kaijiang::{
    app::App,
    clock::Clock,
    config::{Config, DEFAULTS},
    draw::{
        hash,
        verify::{Report, verify},
    },
    drawlog, keys, meeting,
    pool::{self, PoolMember},
    round,
    store::Pool,
    wire::{
        Award, Bundle, CommitKind, Committed, DrawView, EntropyInput, EntropyRequest, Exclude, Fen,
        MeetingSettings, NewMeeting, NewPrize, NewRound, PrizeKind, RoundView, Source, TapRequest,
    },
};
use serde_json::{Value, json};
use sqlx::Row;

use crate::harness::Backend;

/// The evening's beginning: 2026-11-23 20:00 in Beijing.
pub(crate) const EVENING: i64 = 1_795_435_200_000;
/// Who gives the commands.
pub(crate) const HOST: &str = "host";

/// A meeting and the server that runs it.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) app: App,
    pub(crate) meeting: String,
    pub(crate) dir: Arc<tempfile::TempDir>,
    values: Value,
}

pub(crate) fn open_config(values: &Value) -> Config {
    Config::extract(&Figment::from(Toml::string(DEFAULTS)).merge(Serialized::defaults(values))).unwrap()
}

impl Stage {
    /// A meeting with `people` bound people and a budget of 10,000 yuan.
    pub(crate) async fn set(backend: Backend, people: i64) -> Self {
        Self::set_at(backend, people, EVENING, json!({})).await
    }

    /// The same at another moment, ms, and with other sections of the configuration.
    pub(crate) async fn set_at(backend: Backend, people: i64, now: i64, sections: Value) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut values = backend.settings().await;
        values["data"] = json!({ "dir": dir.path() });
        values.as_object_mut().unwrap().extend(sections.as_object().unwrap().clone());
        let app = App::open(open_config(&values), Clock::fixed(now)).await.unwrap();
        let settings = MeetingSettings { commit_show_ms: 0, ..MeetingSettings::default() };
        let new = NewMeeting { name: "年会".into(), settings, rehearsal_of: None, copy_of: None };
        let meeting = meeting::create(&app, HOST, new).await.unwrap().id;
        let stage = Self { app, meeting, dir: Arc::new(dir), values };
        for number in 0..people {
            stage.bind(number).await;
        }
        stage.budget(1_000_000).await;
        stage
    }

    /// Another server on the same data; what the first one had in memory is gone, and so is the pool in the store.
    pub(crate) async fn another(&self) -> App {
        let app = App::open(open_config(&self.values), Clock::fixed(self.app.now())).await.unwrap();
        let nothing = Pool { members: Vec::new(), rev: 0, digest: String::new() };
        app.store().replace(&self.meeting, &nothing).await.unwrap();
        app
    }

    /// Goes on with another server.
    pub(crate) async fn restart(&mut self) {
        let next = self.another().await;
        std::mem::replace(&mut self.app, next).stop().await;
    }

    async fn budget(&self, cap: i64) {
        let mut tx = self.app.db().begin().await.unwrap();
        sqlx::query(
            "insert into budget (id, meeting_id, name, cap_fen, status, created_by, created_at) \
             values ($1, $2, '奖金', $3, 'approved', 'finance', 0)",
        )
        .bind(keys::row_id())
        .bind(&self.meeting)
        .bind(cap)
        .execute(tx.conn())
        .await
        .unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) fn openid(number: i64) -> String {
        format!("oStage{number:022}")
    }

    /// Adds a person to the roster and binds a phone.
    pub(crate) async fn bind(&self, number: i64) {
        let (app, openid, person) = (&self.app, Self::openid(number), keys::row_id());
        let mut tx = app.db().begin().await.unwrap();
        let row = meeting::lock(&mut tx, &self.meeting).await.unwrap();
        sqlx::query(
            "insert into person (id, meeting_id, name, phone_sealed, phone_index, phone_mask, department, created_at) \
             values ($1, $2, $3, $4, $5, '', $6, 0)",
        )
        .bind(&person)
        .bind(&self.meeting)
        .bind(format!("客人{number}"))
        .bind(vec![0_u8])
        .bind(format!("{number}"))
        .bind(if number % 2 == 0 { "研发中心" } else { "销售部" })
        .execute(tx.conn())
        .await
        .unwrap();
        let (salt, identity) = (keys::random::<32>(), format!("wx:{openid}"));
        let pid = hash::pid(&row.event.parse().unwrap(), &salt, &identity);
        let text = pid.to_string();
        let receipt = drawlog::sign_receipt(app, tx.conn(), (&self.meeting, number, &text, row.log_size))
            .await
            .unwrap();
        sqlx::query(
            "insert into binding (id, meeting_id, person_id, openid, idx, pid, salt, identity, weight, receipt_size, \
             receipt_sig, consent_at, bound_at) values ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, 0, 0)",
        )
        .bind(keys::row_id())
        .bind(&self.meeting)
        .bind(&person)
        .bind(&openid)
        .bind(number)
        .bind(&text)
        .bind(hex::encode(salt))
        .bind(&identity)
        .bind(receipt.size)
        .bind(&receipt.sig)
        .execute(tx.conn())
        .await
        .unwrap();
        let member = PoolMember { idx: number, pid, weight: 1, present: true };
        let change = pool::change(app, &mut tx, &self.meeting, None, member).await.unwrap();
        tx.commit().await.unwrap();
        pool::tell_store(app, &[change]).await;
    }

    /// A new prize, and a round of it that nobody has saved yet.
    pub(crate) async fn plan(&self, seats: i64, award: Award, sources: &[Source]) -> NewRound {
        let kind = if award == Award::None { PrizeKind::Goods } else { PrizeKind::Cash };
        let goods = if kind == PrizeKind::Goods { "电视机" } else { "" };
        let new =
            NewPrize { name: "奖品".into(), code: None, kind, goods: goods.into(), picture: String::new() };
        let prize = round::prizes::create(&self.app, HOST, &self.meeting, new).await.unwrap();
        NewRound {
            prize_id: prize.id,
            name: None,
            seats,
            exclude: Exclude::Event,
            group: String::new(),
            eligible: kaijiang::wire::Eligible::default(),
            award,
            sources: Some(sources.to_vec()),
            confirm: kaijiang::wire::Confirm::Host,
            ord: None,
        }
    }

    pub(crate) async fn save(&self, new: NewRound) -> RoundView {
        round::rounds::create(&self.app, HOST, &self.meeting, new).await.unwrap()
    }

    /// A prize with one round.
    pub(crate) async fn round(&self, seats: i64, award: Award, sources: &[Source]) -> RoundView {
        self.save(self.plan(seats, award, sources).await).await
    }

    /// A round of 1.88 yuan each on audience and dice.
    pub(crate) async fn usual(&self, seats: i64) -> RoundView {
        let sources = [Source::Audience {}, Source::Dice { sides: 10, count: 12 }];
        self.round(seats, Award::Fixed { fen: Fen(188) }, &sources).await
    }

    pub(crate) async fn commit(&self, round: &RoundView) -> Committed {
        self.try_commit(round, CommitKind::Main).await.unwrap()
    }

    pub(crate) async fn try_commit(
        &self,
        round: &RoundView,
        kind: CommitKind,
    ) -> Result<Committed, &'static str> {
        let made = round::commit(&self.app, HOST, (&self.meeting, &round.id), kind).await;
        made.map_err(|error| error.code())
    }

    pub(crate) async fn tap(&self, draw: i64, number: i64, byte: u8) -> Result<i64, &'static str> {
        let request = TapRequest { draw, r: hex::encode([byte; 32]) };
        let tapped = round::tap(&self.app, &self.meeting, &Self::openid(number), request).await;
        tapped.map(|taps| taps.m).map_err(|error| error.code())
    }

    pub(crate) async fn close(
        &self,
        draw: i64,
        i: i64,
        value: impl Into<Option<EntropyInput>>,
    ) -> Result<DrawView, &'static str> {
        let request = EntropyRequest { i, value: value.into() };
        let closed = round::close_source(&self.app, HOST, (&self.meeting, draw), request).await;
        closed.map_err(|error| error.code())
    }

    pub(crate) async fn reveal(&self, draw: i64) -> Result<DrawView, &'static str> {
        round::reveal(&self.app, HOST, &self.meeting, draw).await.map_err(|error| error.code())
    }

    /// What a stranger's verifier says of everything that is public.
    pub(crate) async fn verified(&self) -> Report {
        let bundle = round::bundle(&self.app, &self.meeting).await.unwrap();
        report(&bundle)
    }

    /// The pid of a place.
    pub(crate) async fn pid(&self, number: i64) -> hash::Pid {
        let row = sqlx::query("select pid from binding where meeting_id = $1 and idx = $2")
            .bind(&self.meeting)
            .bind(number)
            .fetch_one(self.app.db().read())
            .await
            .unwrap();
        row.try_get::<String, _>(0).unwrap().parse().unwrap()
    }

    /// A number from SQL.
    pub(crate) async fn number(&self, text: &'static str) -> i64 {
        let row = sqlx::query(text).bind(&self.meeting).fetch_one(self.app.db().read()).await.unwrap();
        row.try_get(0).unwrap()
    }
}

pub(crate) fn report(bundle: &Bundle) -> Report {
    let text = serde_json::to_vec(bundle).unwrap();
    verify(&text, None, &std::collections::BTreeMap::new())
}

/// Twelve digits.
pub(crate) fn dice(last: i64) -> EntropyInput {
    EntropyInput::Dice { rolls: vec![3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, last] }
}
