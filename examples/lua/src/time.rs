//! The clock, sleeping, tracebacks, and the end of all clients.

use crate::client::Client;
use mlua::{Lua, Table};
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A clock in a script that jumps would end its waits early, so this one begins with the process's
/// first Lua state and only moves forward.
struct Start(Instant);

/// The longest sleep: about a year. `Duration` has no infinity.
const MAX_SLEEP_SECONDS: f64 = 32_000_000.0;

pub(crate) fn add(lua: &Lua, rust: &Table) -> mlua::Result<()> {
    // A second registration keeps the clock and the clients of the first.
    if lua.app_data_ref::<LiveClients>().is_none() {
        lua.set_app_data(Start(Instant::now()));
        lua.set_app_data(LiveClients::default());
    }
    let now = |lua: &Lua, ()| {
        let start = lua.app_data_ref::<Start>();
        Ok(start.map_or(0.0, |start| start.0.elapsed().as_secs_f64()))
    };
    rust.raw_set("now", lua.create_function(now)?)?;
    let sleep = |_: &Lua, seconds: f64| {
        let seconds = seconds.clamp(0.0, MAX_SLEEP_SECONDS);
        thread::sleep(Duration::try_from_secs_f64(seconds).unwrap_or_default());
        Ok(())
    };
    rust.raw_set("sleep", lua.create_function(sleep)?)?;
    let gettime = |_: &Lua, ()| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(since.unwrap_or_default().as_secs_f64())
    };
    rust.raw_set("gettime", lua.create_function(gettime)?)?;
    let traceback = |lua: &Lua, level: usize| lua.traceback(None, level);
    rust.raw_set("traceback", lua.create_function(traceback)?)
}

/// All clients of a Lua state that the collector has not taken.
#[derive(Default)]
pub(crate) struct LiveClients(Vec<Weak<RefCell<Client>>>);

impl LiveClients {
    pub(crate) fn add(lua: &Lua, client: &Rc<RefCell<Client>>) {
        if let Some(mut clients) = lua.app_data_mut::<Self>() {
            clients.0.retain(|client| client.strong_count() > 0);
            clients.0.push(Rc::downgrade(client));
        }
    }
}

/// Disconnects all clients of this Lua state, and waits until their servers have received what was
/// sent, for at most `timeout`. Runs no callbacks. The clients cannot be used afterwards.
pub fn disconnect_all(lua: &Lua, timeout: Duration) {
    let clients = lua.app_data_mut::<LiveClients>();
    let clients = clients.map(|mut clients| std::mem::take(&mut clients.0));
    let clients = clients.unwrap_or_default();
    let mut sessions: Vec<_> = clients
        .iter()
        .filter_map(Weak::upgrade)
        .filter_map(|client| client.try_borrow_mut().ok()?.take_session())
        .collect();
    for session in &mut sessions {
        session.chat.disconnect();
    }
    let until = Instant::now() + timeout;
    loop {
        // All at once: a hundred clients must not wait for each other.
        sessions.retain_mut(|session| {
            let _more = session.service();
            while session.poll_event().is_some() {}
            session.timeout().is_some()
        });
        if sessions.is_empty() || Instant::now() >= until {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}
