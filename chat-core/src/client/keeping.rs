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
use photon_proto::Text;

impl ChatClient {
    /// Returns what to store for the next run of the program: channels with their positions, and
    /// with [`ChatConfig::restore`](crate::ChatConfig::restore) also the wanted state. See
    /// [`Kept`]. Walks all channels and the events that wait, so call it every few seconds rather
    /// than after each event.
    #[must_use]
    pub fn keep(&self) -> Kept {
        let taken = self.positions_before_events();
        let restore = self.resubscription.as_ref();
        let wanted = |name: &str| restore.and_then(|restore| restore.wanted.channels.get(name));
        let known = self.model.public.iter().map(|channel| {
            let name = channel.name();
            let position = taken.get(name.as_str()).copied();
            (name.clone(), position.unwrap_or(channel.last_id()))
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
        let friends = restore.into_iter().flat_map(|restore| {
            let friends = restore.wanted.friends.from(0);
            friends.map(|(_, name, ())| name.clone())
        });
        Kept {
            app_id: self.config.app_id.clone(),
            app_version: self.config.app_version.clone(),
            region: self.kept_region(),
            user_id: self.config.user_id.0.clone(),
            keys: self.model.questions.keys().to_bytes(),
            channels: channels.collect(),
            friends: friends.collect(),
            status: restore.and_then(|restore| restore.wanted.status.clone()),
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
        for friend in &kept.friends {
            restore.wanted.add_friend(friend);
        }
        restore.wanted.status = kept.status.clone();
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
