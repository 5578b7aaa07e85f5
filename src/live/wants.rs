//! Which messages are for which sockets.

/// Who gets a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// Every socket.
    All,
    /// Screens and control pages: phones would pay for what they do not show.
    Hall,
    /// Control pages.
    Desk,
    /// Those who can open what is sealed.
    Openers,
}

/// Who sits at a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Viewer {
    /// A phone.
    Phone,
    /// A screen.
    Screen,
    /// A control page.
    Desk,
}

/// What a socket wants.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    /// Who sits there.
    pub viewer: Viewer,
    /// Winners sealed before they are told.
    pub sealed: bool,
}

impl To {
    /// Whether a frame is for a socket that wants this.
    pub(super) fn reaches(self, wants: Wants) -> bool {
        match self {
            Self::All => true,
            Self::Hall => wants.viewer != Viewer::Phone,
            Self::Desk => wants.viewer == Viewer::Desk,
            Self::Openers => wants.sealed,
        }
    }
}
