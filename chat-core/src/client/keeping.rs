//! State that outlives the program: [`ChatClient::keep`] and [`ChatConfig::resume`]. Spec: chat.md
//! 10.3.
//!
//! [`ChatConfig::resume`]: crate::ChatConfig::resume

use super::ChatClient;
use crate::error::RequestError;
use crate::event::Event;
use crate::messages::Origin;
use crate::model::Identity;
use crate::restore::{Kept, KeptChannel, KeptOptions};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use photon_proto::Text;

impl ChatClient {
    /// Returns what to store for the next run of the program: channels with their positions, and
    /// with [`ChatConfig::restore`](crate::ChatConfig::restore) also the wanted state. See
    /// [`Kept`]. Walks all channels and the events that wait, so call it every few seconds rather
    /// than after each event.
    #[must_use]
    pub fn keep(&self) -> Kept {
        let (region, user_id) = (self.kept_region(), self.config.user_id.0.clone());
        // Positions belong to the login on which they were reached, which may be another one than the
        // application wants now.
        let is_same_login = self.model.may_be_of(&Identity::new(&region, &user_id));
        let taken = self.positions_before_events();
        let restore = self.resubscription.as_ref();
        let wanted = |name: &str| restore.and_then(|restore| restore.wanted.channels.get(name));
        // A server can list a channel without a name, and nobody can ask for one: reading refuses it.
        let public = self.model.public.iter();
        let named = public.filter(|channel| !channel.name().is_empty());
        let known = named.map(|channel| {
            let name = channel.name();
            let position = taken.get(name.as_str()).copied();
            let position = position.unwrap_or(channel.last_id());
            (name.clone(), if is_same_login { position } else { 0 })
        });
        let unknown = restore.into_iter().flat_map(|restore| {
            let channels = restore.wanted.channels.from(0);
            let names = channels.map(|(_, name, _)| name);
            let names = names.filter(|name| self.model.public.get(name).is_none());
            names.map(|name| (name.clone(), 0))
        });
        let channels = known.chain(unknown).map(|(name, position)| KeptChannel {
            position: position.max(0),
            recent: self.model.recent(&name, position.max(0)),
            wanted: wanted(&name).map(KeptOptions::of),
            name,
        });
        let (untaken, wanted) = (
            self.private_messages_in_events(),
            restore.map(|it| &it.wanted),
        );
        let conversations = if is_same_login {
            let untaken = |name: &str| untaken.get(name).copied().unwrap_or(0);
            self.model.conversations(untaken)
        } else {
            Vec::new()
        };
        Kept {
            app_id: self.config.app_id.clone(),
            app_version: self.config.app_version.clone(),
            region,
            user_id,
            keys: self.model.questions.keys().to_bytes(),
            channels: channels.collect(),
            leaving: wanted.map_or_else(Vec::new, |wanted| wanted.leaving.names()),
            friends: wanted.map_or_else(Vec::new, |wanted| wanted.friends.names()),
            former_friends: wanted.map_or_else(Vec::new, |wanted| wanted.former_friends.names()),
            status: wanted.and_then(|wanted| wanted.status.clone()),
            status_is_unsent: wanted.is_some_and(|wanted| wanted.status_is_unsent),
            conversations,
        }
    }

    /// The positions of channels with events that the application has not taken, before the first
    /// of them.
    fn positions_before_events(&self) -> BTreeMap<&str, i32> {
        let mut positions = BTreeMap::new();
        for event in self.events.iter_from(0) {
            let (channel, position) = match event {
                Event::ChatMessages { channel, messages }
                    if matches!(messages.origin(), Origin::Live | Origin::History) =>
                {
                    let first = messages.get(0).and_then(|first| first.id);
                    (channel, first.map(|id| id.saturating_sub(1)))
                }
                Event::Gap { channel, after, .. } => (channel, Some(*after)),
                _ => continue,
            };
            if let Some(position) = position {
                let _first_counts = positions.entry(channel.as_str()).or_insert(position);
            }
        }
        positions
    }

    /// How many private messages with an id the application has not taken, by conversation.
    fn private_messages_in_events(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for event in self.events.iter_from(0) {
            if let Event::PrivateMessage { channel, message } = event
                && message.id().is_some()
            {
                *counts.entry(channel.as_str()).or_insert(0) += 1;
            }
        }
        counts
    }

    fn kept_region(&self) -> Text {
        match (self.login.region(), &self.config.resume) {
            (Some(region), _) => normal_region(region),
            (None, Some(kept)) => kept.region.clone(),
            (None, None) => Text::EMPTY,
        }
    }

    /// Takes what an earlier run kept, before the first connection.
    pub(super) fn resume_kept(&mut self) {
        let Some(kept) = &self.config.resume else {
            return;
        };
        if !kept.region.is_empty() {
            let identity = Identity::new(&kept.region, &kept.user_id);
            self.model.resume(identity);
        }
        for channel in &kept.channels {
            if channel.position > 0 {
                self.model
                    .resume_channel(&channel.name, channel.position, channel.recent);
            }
        }
        for conversation in &kept.conversations {
            let (name, seen) = (&conversation.name, &conversation.seen);
            self.model.resume_conversation(name, seen);
        }
        let Some(restore) = &mut self.resubscription else {
            return;
        };
        for channel in &kept.channels {
            if let Some(wanted) = &channel.wanted {
                restore
                    .wanted
                    .resume_channel(&channel.name, &wanted.options(), wanted.is_new);
            }
        }
        for channel in &kept.leaving {
            restore.wanted.leave(channel, 0);
        }
        for friend in &kept.friends {
            restore.wanted.add_friend(friend);
        }
        for friend in &kept.former_friends {
            restore.wanted.remove_friend(friend);
        }
        restore.wanted.status = kept.status.clone();
        restore.wanted.status_is_unsent = kept.status_is_unsent;
    }

    /// # Errors
    /// [`RequestError::KeptByOther`] if the kept state belongs to another login.
    pub(super) fn check_kept(&self, region: Option<&str>) -> Result<(), RequestError> {
        let Some(kept) = &self.config.resume else {
            return Ok(());
        };
        let region = region.filter(|_| !kept.region.is_empty());
        let differs = [
            ("app id", kept.app_id != self.config.app_id),
            ("app version", kept.app_version != self.config.app_version),
            ("user id", kept.user_id != self.config.user_id.0),
            (
                "region",
                region.is_some_and(|region| normal_region(region) != kept.region),
            ),
        ];
        match differs.iter().find(|(_, differs)| *differs) {
            Some((what, _)) => Err(RequestError::KeptByOther(what)),
            None => Ok(()),
        }
    }

    /// Notes that a connection to this region begins: later logins are like any others.
    pub(super) fn accept_kept(&mut self) {
        self.config.resume = None;
    }
}

/// A region in the form in which it is compared: the cluster behind `/` is no part of it.
/// Spec: chat.md 2.8.
fn normal_region(region: &str) -> Text {
    let region = region.split('/').next().unwrap_or_default();
    region.to_ascii_lowercase().as_str().into()
}
