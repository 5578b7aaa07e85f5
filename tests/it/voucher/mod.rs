//! Vouchers from the phone to the packet, with everything that people try on the way.

mod flow;
mod photos;
mod races;
mod rules;

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    harness::{Api, Backend, Phone, answer},
    payout::Rig,
};

/// A meeting with bound guests, and one campaign with a budget.
pub(crate) struct Desk {
    pub(crate) rig: Rig,
    pub(crate) campaign: String,
    pub(crate) budget: String,
}

/// Fixed 8.88 yuan, one photo, an order number.
fn plain() -> Value {
    json!({
        "amount": { "mode": "fixed", "fen": 888 }, "per_person": 3, "photos_min": 1, "photos_max": 3,
        "fields": [{ "field": "order_no", "required": true }, { "field": "shop", "required": false }],
    })
}

impl Desk {
    pub(crate) async fn new(backend: Backend, guests: usize) -> Self {
        Self::with(backend, guests, json!({}), 10_000).await
    }

    /// With other rules, and so much money.
    pub(crate) async fn with(backend: Backend, guests: usize, over: Value, fen: i64) -> Self {
        let rig = Rig::new(backend, guests).await;
        let finance = rig.finance();
        let mut body = json!({ "name": "凭证奖金", "cap_fen": fen, "purpose": "campaign" });
        // How it is paid is the budget's.
        let mut over = over.as_object().unwrap().clone();
        body["channel"] = over.remove("channel").unwrap_or(Value::Null);
        let budget = finance.post(&rig.path("/budgets"), body).await;
        let budget = budget["id"].as_str().unwrap().to_owned();
        finance.post(&rig.path(&format!("/budgets/{budget}/approve")), json!({})).await;
        let mut rules = plain();
        rules["budget_id"] = json!(budget);
        for (key, value) in over {
            rules[key] = value;
        }
        let made = json!({ "name": "秋季促销", "rules": rules });
        let made = rig.host().post(&rig.path("/voucher-campaigns"), made).await;
        let campaign = made["id"].as_str().unwrap().to_owned();
        Self { rig, campaign, budget }
    }

    pub(crate) fn guest(&self, at: usize) -> &Phone {
        &self.rig.phones[at]
    }

    pub(crate) fn reviewer(&self) -> Api {
        self.rig.evening.staff("reviewer")
    }

    pub(crate) fn second(&self) -> Api {
        self.rig.evening.staff("reviewer2")
    }

    /// A draft with this order number.
    pub(crate) async fn draft(&self, guest: usize, order: &str) -> String {
        let body =
            json!({ "campaign_id": self.campaign, "fields": { "order_no": order, "shop": "解放路店" } });
        let (status, made) = self.guest(guest).try_post("/vouchers", body).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }

    /// One whole photo in pieces of 100 kB.
    pub(crate) async fn upload(
        &self,
        guest: usize,
        voucher: &str,
        n: i64,
        photo: &[u8],
    ) -> (StatusCode, Value) {
        let mut last = (StatusCode::OK, Value::Null);
        for (at, bytes) in photo.chunks(100_000).enumerate() {
            last = self.piece(guest, (voucher, n), photo, (at * 100_000, bytes)).await;
            if !last.0.is_success() {
                break;
            }
        }
        last
    }

    /// One piece of a photo.
    pub(crate) async fn piece(
        &self,
        guest: usize,
        (voucher, n): (&str, i64),
        photo: &[u8],
        (offset, bytes): (usize, &[u8]),
    ) -> (StatusCode, Value) {
        let sha = hex::encode(Sha256::digest(photo));
        let size = photo.len();
        let path = format!("/vouchers/{voucher}/photos/{n}?offset={offset}&size={size}&sha256={sha}");
        let request = self.guest(guest).request(Method::PUT, &path);
        answer(request.header("content-type", "application/octet-stream").body(bytes.to_vec())).await
    }

    /// A voucher that was sent: draft, photo, send.
    pub(crate) async fn sent(&self, guest: usize, order: &str, seed: u32) -> String {
        let id = self.draft(guest, order).await;
        let (status, body) = self.upload(guest, &id, 1, &photo(seed)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let (status, body) = self.send(guest, &id).await;
        assert_eq!((status, &body["state"]), (StatusCode::OK, &json!("waiting")), "{body}");
        id
    }

    pub(crate) async fn send(&self, guest: usize, voucher: &str) -> (StatusCode, Value) {
        self.guest(guest).try_post(&format!("/vouchers/{voucher}/send"), json!({})).await
    }

    /// Takes a certain voucher to judge; answers its version.
    pub(crate) async fn take(&self, by: &Api, voucher: &str) -> Value {
        let path = self.rig.path(&format!("/vouchers/{voucher}/lock"));
        by.post(&path, json!({})).await["voucher"]["version"].clone()
    }

    pub(crate) async fn accept(&self, by: &Api, voucher: &str) -> (StatusCode, Value) {
        let version = self.take(by, voucher).await;
        let path = self.rig.path(&format!("/vouchers/{voucher}/accept"));
        by.try_post(&path, json!({ "version": version })).await
    }

    /// The voucher as its sender sees it.
    pub(crate) async fn mine(&self, guest: usize, voucher: &str) -> Value {
        let all = self.guest(guest).get("/me/vouchers").await;
        let mut all = all["vouchers"].as_array().unwrap().iter();
        all.find(|one| one["id"] == *voucher).unwrap_or_else(|| panic!("no {voucher}")).clone()
    }

    /// Lets the sender work until the person's page says so.
    pub(crate) async fn until(&self, guest: usize, voucher: &str, packet: &str) -> Value {
        self.rig
            .evening
            .eventually("the packet", async || {
                self.rig.pass(1_000);
                let mine = self.mine(guest, voucher).await;
                (mine["packet"] == *packet).then_some(mine)
            })
            .await
    }

    /// Every packet of the meeting.
    pub(crate) async fn packets(&self) -> Vec<Value> {
        self.rig.packets(0).await
    }
}

/// A picture of broad, seeded fields with some noise: unlike those of other seeds, and some 30 kB as PNG.
pub(crate) fn picture(seed: u32) -> DynamicImage {
    let mix = |a: u32, b: u32| {
        let mut x =
            a.wrapping_mul(0x9e37_79b1) ^ b.wrapping_mul(0x85eb_ca77) ^ seed.wrapping_mul(0xc2b2_ae3d);
        x ^= x >> 15;
        x = x.wrapping_mul(0x2c1b_3c6d);
        x ^ (x >> 12)
    };
    let shade = |x: u32, y: u32, at: u32| {
        let field = (mix(x / 32, y / 32) >> 8) % 200;
        u8::try_from((field + mix(x + at * 7, y) % 24) % 256).unwrap()
    };
    let pixel = |x, y| Rgb([shade(x, y, 0), shade(x, y, 1), shade(x, y, 2)]);
    DynamicImage::ImageRgb8(RgbImage::from_fn(320, 240, pixel))
}

pub(crate) fn encoded(picture: &DynamicImage, kind: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.write_to(&mut out, kind).unwrap();
    out.into_inner()
}

/// The picture of a seed as a file.
pub(crate) fn photo(seed: u32) -> Vec<u8> {
    encoded(&picture(seed), ImageFormat::Png)
}
