//! A login from the connect call to the front end: with encryption, two key pairs and two agreements.

use crate::measure::Case;
use crate::server::Served;
use chat_core::Encryption;

pub(super) fn all() -> [Case; 2] {
    [
        ("login", Encryption::On),
        ("login without encryption", Encryption::Off),
    ]
    .map(|(name, encryption)| {
        let make = move || -> Box<dyn FnMut()> {
            Box::new(move || {
                let _served = Served::connected(|config| config.encryption(encryption));
            })
        };
        Case::new(name, make).repetitions(1, 3)
    })
}
