//! Clients that do not read: what waits to be sent to each of them, and to all together.

use crate::context::Context;
use crate::ids::ConnectionId;

const NOT_READING: &str = "the client does not read";
const ALL_TOGETHER: &str = "the clients that do not read use up the memory of the server";

impl Context<'_> {
    /// Notes what waits to be sent to a client, and ends what exceeds the caps. A TCP client
    /// cannot be given the reason: a disconnect message would wait behind what it does not read.
    pub(crate) fn bound_outgoing(&mut self, id: ConnectionId) {
        self.connections.count_outgoing(id, self.acceptors);
        if self.connections.outgoing(id) > self.config.max_outgoing_bytes {
            return self.end_slow_reader(id, NOT_READING);
        }
        let most = self.config.max_total_outgoing_bytes;
        if self.connections.total_outgoing() <= most {
            return;
        }
        // Acknowledgements over UDP are not counted when they arrive, so the sum is only an upper
        // bound. As for histories, more than necessary goes: otherwise every later message would
        // repeat the search.
        for id in self
            .connections
            .most_outgoing(self.acceptors, most - most / 8)
        {
            self.end_slow_reader(id, ALL_TOGETHER);
        }
    }

    fn end_slow_reader(&mut self, id: ConnectionId, why: &'static str) {
        self.stats.overrun_connections += 1;
        self.abort(id, why);
    }
}
