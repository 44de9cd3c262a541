//! Sessions that come back by themselves: the scenarios s01 to s24, in virtual time, over every
//! transport and serialization. [`world`] runs them, [`seen`] judges.

mod reader;
mod row;
mod seen;
mod truth;
mod world;

mod s01_losses;
mod s02_orders;
mod s03_missed;
mod s04_lives;
mod s07_lost_again;
mod s08_credentials;
mod s09_many;
mod s10_down;
mod s10_while_down;
mod s11_same_user;
mod s12_ten_thousand;
mod s13_private;
mod s15_queue;
mod s16_sleep;
mod s19_bad_elements;
mod s21_histories;
mod s22_loss;
mod s23_calls;
mod s23_chaos;
mod s24_restore_off;
