//! The table of `client.native:statistics()`.

use crate::handle::Handle;
use mlua::{Lua, Table};
use std::time::Duration;

/// Makes a table with the counters of the client, of its sockets (`io`), and of its connection if
/// that is one over UDP (`udp`). Times are in seconds; nil if they are not known.
pub(crate) fn table(lua: &Lua, handle: &Handle) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    let known = handle.with(|client| {
        let session = client.session_ref()?;
        let chat = &session.chat;
        Some((chat.stats(), session.io_stats(), chat.server_time()))
    });
    let Some((stats, io, server_time)) = known else {
        return Ok(table);
    };
    set(
        &table,
        &[
            ("receivedMessages", stats.received_messages),
            ("work", stats.work),
            ("badMessages", stats.bad_messages),
            ("undecodableElements", stats.undecodable_elements),
            ("malformedEvents", stats.malformed_events),
            ("unknownChannelEvents", stats.unknown_channel_events),
            ("ignoredMessages", stats.ignored_messages),
            ("unkeptChannels", stats.unkept_channels),
            ("forgottenConversations", stats.forgotten_conversations),
            ("rawMessages", stats.raw_messages),
            ("presenceDropped", stats.presence_dropped),
            ("surplusBytes", stats.surplus_bytes),
            ("unsentMessages", stats.unsent_messages),
            ("closedWithUnsentData", stats.closed_with_unsent_data),
            ("reconnectAttempts", stats.reconnect_attempts),
            ("restores", stats.restores),
            ("gaps", stats.gaps),
            ("missingMessages", stats.missing_messages),
            ("questions", stats.questions),
            ("repeatedMessages", stats.repeated_messages),
            ("bufferedBytes", stats.buffered_bytes as u64),
            ("queuedBytes", stats.queued_bytes as u64),
            ("cachedBytes", stats.cached_bytes as u64),
            ("channelBytes", stats.channel_bytes as u64),
        ],
    )?;
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    table.raw_set("roundTrip", seconds(stats.round_trip))?;
    table.raw_set("roundTripVariance", seconds(stats.round_trip_variance))?;
    table.raw_set("serverTime", server_time)?;
    let sockets = lua.create_table()?;
    set(
        &sockets,
        &[
            ("wakeups", io.wakeups),
            ("reads", io.reads),
            ("writes", io.writes),
            ("datagramsRefused", io.datagrams_refused),
            ("datagramsUnsent", io.datagrams_unsent),
            ("datagramsTooLong", io.datagrams_too_long),
            ("datagramErrors", io.datagram_errors),
        ],
    )?;
    table.raw_set("io", sockets)?;
    if let Some(udp) = stats.udp {
        let dropped = udp.dropped_datagrams;
        let discarded = udp.discarded;
        let counters = lua.create_table()?;
        set(
            &counters,
            &[
                ("sentDatagrams", udp.sent_datagrams),
                ("sentBytes", udp.sent_bytes),
                ("receivedDatagrams", udp.received_datagrams),
                ("receivedBytes", udp.received_bytes),
                ("sentMessages", udp.sent_messages),
                ("receivedMessages", udp.received_messages),
                ("resentCommands", udp.resent_commands),
                ("abandonedCommands", udp.abandoned_commands),
                ("abandonedMessages", udp.abandoned_messages),
                ("pings", udp.pings),
                ("duplicates", udp.duplicates),
                ("late", udp.late),
                ("unmatchedAcks", udp.unmatched_acks),
                ("trailingBytes", udp.trailing_bytes),
                ("violations", udp.violations.into()),
                ("droppedLength", dropped.length),
                ("droppedFlags", dropped.flags),
                ("droppedCrc", dropped.crc),
                ("droppedChallenge", dropped.challenge),
                ("droppedMalformed", dropped.malformed),
                ("discardedChannel", discarded.channel),
                ("discardedMalformed", discarded.malformed),
                ("discardedWindow", discarded.window),
                ("discardedFull", discarded.full),
                ("discardedNotConnected", discarded.not_connected),
            ],
        )?;
        table.raw_set("udp", counters)?;
    }
    Ok(table)
}

fn set(table: &Table, counters: &[(&str, u64)]) -> mlua::Result<()> {
    for (name, number) in counters {
        // A number of Lua is a double in most versions.
        table.raw_set(*name, *number as f64)?;
    }
    Ok(())
}
