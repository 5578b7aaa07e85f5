//! The people whom the far end knows: openids, names, who follows, and who may be written to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::CrowdPerson;
use crate::clock::Ms;

/// Longest openid that is taken, characters.
const OPENID_MAX: usize = 64;

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Person {
    pub(super) openid: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) phone: String,
    #[serde(default)]
    pub(super) staff_no: String,
    #[serde(default)]
    pub(super) subscribe: bool,
    /// Since when, and by which parametric QR code.
    #[serde(default)]
    pub(super) subscribe_ms: Ms,
    #[serde(default)]
    pub(super) scene: String,
    /// Customer-service messages are allowed until then.
    #[serde(default)]
    pub(super) write_until_ms: Ms,
    /// So many are left.
    #[serde(default)]
    pub(super) writes_left: u32,
}

/// Everybody, by openid.
#[derive(Debug, Default)]
pub(super) struct People {
    by_openid: BTreeMap<String, Person>,
    changed: Vec<Person>,
}

/// The openid of a made-up person: the same after every restart, and shaped as WeChat's are (28 characters).
pub(super) fn openid_of(phone: &str) -> String {
    let digest = hex::encode(Sha256::digest(format!("kaijiang sandbox {phone}").as_bytes()));
    format!("oSBX{}", &digest[..24])
}

/// Whether a text can be an openid here.
pub(super) fn is_openid(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    !text.is_empty() && text.len() <= OPENID_MAX && text.bytes().all(allowed)
}

impl People {
    /// Takes a person from the journal.
    pub(super) fn restore(&mut self, person: Person) {
        self.by_openid.insert(person.openid.clone(), person);
    }

    /// What the journal has to be told.
    pub(super) fn take_changes(&mut self) -> Vec<Person> {
        std::mem::take(&mut self.changed)
    }

    /// Enters the made-up people of the demo roster, who do not follow yet.
    pub(super) fn seed(&mut self, crowd: &[CrowdPerson]) {
        for member in crowd {
            let openid = openid_of(&member.phone);
            if !self.by_openid.contains_key(&openid) {
                self.put(Person {
                    phone: member.phone.clone(),
                    staff_no: member.staff_no.clone(),
                    ..nobody(&openid, &member.name)
                });
            }
        }
    }

    pub(super) fn get(&self, openid: &str) -> Option<&Person> {
        self.by_openid.get(openid)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Person> {
        self.by_openid.values()
    }

    /// Finds a person or makes one.
    pub(super) fn ensure(&mut self, openid: &str, name: &str) -> Person {
        if let Some(known) = self.by_openid.get(openid) {
            return known.clone();
        }
        let number = self.by_openid.len() + 1;
        let made_up = format!("沙箱用户{number}");
        let person = nobody(openid, if name.is_empty() { &made_up } else { name });
        self.put(person.clone());
        person
    }

    pub(super) fn put(&mut self, person: Person) {
        if self.by_openid.get(&person.openid) != Some(&person) {
            self.changed.push(person.clone());
            self.by_openid.insert(person.openid.clone(), person);
        }
    }
}

fn nobody(openid: &str, name: &str) -> Person {
    Person {
        openid: openid.to_owned(),
        name: name.to_owned(),
        phone: String::new(),
        staff_no: String::new(),
        subscribe: false,
        subscribe_ms: 0,
        scene: String::new(),
        write_until_ms: 0,
        writes_left: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crowd_is_entered_once_and_keeps_its_openids() {
        let member = |phone: &str| CrowdPerson {
            name: "王小明".to_owned(),
            phone: phone.to_owned(),
            staff_no: "A1".to_owned(),
        };
        let mut people = People::default();
        people.seed(&[member("13800000001"), member("13800000002")]);
        assert_eq!(people.take_changes().len(), 2);
        let mut follower = people.get(&openid_of("13800000001")).expect("entered").clone();
        follower.subscribe = true;
        people.put(follower);
        people.seed(&[member("13800000001")]);
        assert!(people.get(&openid_of("13800000001")).expect("kept").subscribe);
        assert_eq!(people.all().count(), 2);
        assert_eq!(openid_of("13800000001").len(), 28);
    }

    #[test]
    fn openids_are_plain() {
        assert!(is_openid("oxTWIuGaIt6gTKsQRLau2M0yL16E"));
        for text in ["", "a b", "<script>", "张三"] {
            assert!(!is_openid(text), "{text}");
        }
    }
}
