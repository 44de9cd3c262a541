//! Sessions that come back by themselves: the scenarios of SURVIVE 9, in virtual time, over every
//! transport and serialization. [`world`] runs them, [`seen`] judges.
// The runner serves scenarios that land one by one, with what they are about.
#![allow(dead_code, reason = "used by scenarios to come")]

mod row;
mod seen;
mod truth;
mod world;

mod s07_lost_again;
mod s08_credentials;
mod s09_many;
mod s12_ten_thousand;
mod s16_sleep;
mod s22_loss;
mod s24_restore_off;
