//! What can be done about a failed call to the service account: a closed set, read from WeChat's numbers in one place.

/// What a caller can do about a failed call. (wechat: §6.1, §6.2, §6.4)
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The code is used up, expired or not ours: send the browser through the authorization once more.
    #[error("the authorization code is not usable (errcode {errcode})")]
    RestartLogin {
        /// WeChat's number.
        errcode: i64,
    },
    /// The access token is no longer good: fetch a new one (not by force) and repeat once.
    #[error("the access token is not usable (errcode {errcode})")]
    TokenExpired {
        /// WeChat's number.
        errcode: i64,
    },
    /// App id, secret, whitelist or permission is wrong: nothing will work until a person acts.
    #[error("the service account's configuration is refused (errcode {errcode})")]
    Config {
        /// WeChat's number.
        errcode: i64,
    },
    /// This person cannot be reached: wrong openid, not a follower, window for messages over.
    #[error("not possible for this person (errcode {errcode})")]
    User {
        /// WeChat's number.
        errcode: i64,
    },
    /// The quota of this call is used up or calls come too fast.
    #[error("the platform's quota is used up (errcode {errcode})")]
    Quota {
        /// WeChat's number.
        errcode: i64,
    },
    /// No usable answer: a repeat after a pause may work.
    #[error("the platform did not answer: {0}")]
    Busy(&'static str),
    /// An error number we do not know.
    #[error("the platform answered errcode {errcode}")]
    Unknown {
        /// WeChat's number.
        errcode: i64,
    },
}

impl AccountError {
    pub(super) fn from_errcode(errcode: i64) -> Self {
        match errcode {
            40029 | 40030 | 40163 | 41008 | 42002 | 42003 => Self::RestartLogin { errcode },
            40001 | 40014 | 42001 => Self::TokenExpired { errcode },
            40013 | 40125 | 40164 | 40037 | 47003 | 48001 => Self::Config { errcode },
            40003 | 43004 | 43101 | 45002 | 45015 | 45047 => Self::User { errcode },
            45009 | 45011 => Self::Quota { errcode },
            -1 => Self::Busy("errcode -1"),
            _ => Self::Unknown { errcode },
        }
    }

    pub(super) fn from_transport(error: &reqwest::Error) -> Self {
        if error.is_timeout() {
            Self::Busy("timeout")
        } else if error.is_connect() {
            Self::Busy("no connection")
        } else {
            Self::Busy("broken connection")
        }
    }
}
