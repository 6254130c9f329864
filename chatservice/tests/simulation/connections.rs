//! What a node does with its connections.

use std::net::{IpAddr, Ipv4Addr};

use crate::node::{Node, Outside};

impl Node {
    pub(crate) fn opened(&mut self, outside: &mut Outside, link: usize) {
        let (shard, conn) = (outside.links[link].shard, outside.links[link].conn());
        outside.links[link].server_open = true;
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        self.call(outside, shard, |shard, now| shard.handle_opened(now, conn, address));
        outside.links[link].schedule_up(&mut outside.context);
    }

    /// Hands in what has arrived.
    pub(crate) fn read(&mut self, outside: &mut Outside, link: usize) {
        let Outside { links, context, .. } = outside;
        let found = &mut links[link];
        if !found.server_open || found.paused || found.closing {
            return;
        }
        found.server_receives(context);
        let (shard, conn) = (found.shard, found.conn());
        let mut unread = std::mem::take(&mut found.unread);
        if !unread.is_empty() {
            let used =
                self.call(outside, shard, |shard, now| shard.handle_bytes(now, conn, &unread));
            unread.drain(..used);
            outside.links[link].unread = unread;
        }
        let found = &mut outside.links[link];
        if found.server_open && found.is_at_end() {
            found.end_told = true;
            outside.context.trace(|| format!("link {link}: end of stream"));
            self.call(outside, shard, |shard, now| shard.handle_end_of_stream(now, conn));
        }
    }

    pub(crate) fn kernel_takes(&mut self, outside: &mut Outside, link: usize) {
        let Outside { links, context, .. } = outside;
        let found = &mut links[link];
        if !found.server_open {
            return;
        }
        let all = found.kernel_takes(context);
        let (shard, conn, closing) = (found.shard, found.conn(), found.closing);
        let (client, taken) = (found.client, found.taken);
        context.model.kernel_took(link, client, taken);
        if !all {
            return;
        }
        if closing {
            self.gone(outside, link);
        } else {
            self.call(outside, shard, |shard, now| shard.handle_written(now, conn));
        }
    }

    /// The connection is over, whoever ended it.
    pub(crate) fn gone(&mut self, outside: &mut Outside, link: usize) {
        let Outside { links, context, .. } = outside;
        let found = &mut links[link];
        if !found.server_open {
            return;
        }
        found.server_closes(context);
        context.trace(|| format!("link {link}: closed"));
        let (shard, conn) = (found.shard, found.conn());
        self.call(outside, shard, |shard, now| shard.handle_closed(now, conn));
    }
}
