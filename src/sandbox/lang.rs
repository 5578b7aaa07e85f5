//! The language of the sandbox's pages: Chinese, or English for whoever pressed the switch once.

use std::convert::Infallible;

use axum::{
    extract::{FromRequestParts, Query},
    http::{HeaderMap, header, request::Parts},
};
use serde::Deserialize;

/// Kept in the browser, so that forms and their answers stay in one language.
const COOKIE: &str = "kj_sandbox_lang";

/// Of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lang {
    Zh,
    En,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    lang: String,
}

impl Lang {
    /// The words of this language.
    pub(super) fn say<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }

    /// Of `<html lang>`.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    /// Where the switch leads to, and what it is called: in the other language.
    pub(super) fn switch(self) -> (&'static str, &'static str) {
        match self {
            Self::Zh => ("en", "English"),
            Self::En => ("zh", "中文"),
        }
    }

    /// Remembers it; the sandbox has no secrets, and its pages run over plain http.
    pub(super) fn cookie(self) -> [(header::HeaderName, String); 1] {
        let word = self.say("zh", "en");
        [(header::SET_COOKIE, format!("{COOKIE}={word}; Path=/; Max-Age=31536000; SameSite=Lax"))]
    }

    fn kept(headers: &HeaderMap) -> bool {
        let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let wanted = format!("{COOKIE}=en");
        all.flat_map(|text| text.split(';')).any(|one| one.trim() == wanted)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Lang {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let asked = Query::<Asked>::try_from_uri(&parts.uri).map(|Query(asked)| asked.lang);
        Ok(match asked.as_deref() {
            Ok("en") => Self::En,
            Ok("zh") => Self::Zh,
            _ if Self::kept(&parts.headers) => Self::En,
            _ => Self::Zh,
        })
    }
}
