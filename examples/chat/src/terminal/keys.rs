//! Keys: how the user changes the [`Screen`], and asks for an [`Action`].

use super::action::{self, Action};
use super::conversation::Target;
use super::entry::Entry;
use super::screen::Screen;
use super::text::clean;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

impl Screen {
    /// Takes pasted text.
    pub(crate) fn on_paste(&mut self, text: &str) {
        self.input.insert(text);
        self.changed = true;
    }

    /// Takes a key; returns what the session has to do.
    pub(crate) fn on_key(&mut self, key: KeyEvent) -> Option<Action> {
        self.changed = true;
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Char('c' | 'q') if control => return Some(Action::Quit),
            KeyCode::Char('n') if control => {
                self.select((self.selected + 1) % self.conversations.len())
            }
            KeyCode::Char('p') if control => {
                let all = self.conversations.len();
                self.select((self.selected + all - 1) % all);
            }
            KeyCode::Char('a') if control => self.input.home(),
            KeyCode::Char('e') if control => self.input.end(),
            KeyCode::Char('u') if control => self.input.delete_to_start(),
            KeyCode::Char('w') if control => self.input.delete_word(),
            KeyCode::Char(digit @ '1'..='9') if alt => {
                self.select(digit as usize - '1' as usize);
            }
            KeyCode::Char(character) if !control && !alt => {
                self.input.insert(character.encode_utf8(&mut [0; 4]));
            }
            KeyCode::Backspace => self.input.backspace(),
            KeyCode::Delete => self.input.delete(),
            KeyCode::Left => self.input.left(),
            KeyCode::Right => self.input.right(),
            KeyCode::Home => self.input.home(),
            KeyCode::End => self.input.end(),
            KeyCode::Up => self.input.older(),
            KeyCode::Down => self.input.newer(),
            KeyCode::PageUp => {
                let page = self.page;
                self.current_mut().scroll += page;
            }
            KeyCode::PageDown => {
                let page = self.page;
                let conversation = self.current_mut();
                conversation.scroll = conversation.scroll.saturating_sub(page);
            }
            KeyCode::Tab => {
                let words = self.words();
                self.input.complete(words.into_iter());
            }
            KeyCode::Enter => return self.on_line(),
            _ => {}
        }
        None
    }

    /// The words that Tab completes: commands, users and channels, after `/status` the statuses.
    fn words(&self) -> Vec<String> {
        if self.input.text().starts_with("/status ") {
            return action::status_names().collect();
        }
        let friends = self.friends.keys().map(String::as_str);
        let members = self.measured.members.iter().map(String::as_str);
        let names = self
            .conversations
            .iter()
            .filter_map(|all| match &all.target {
                Target::Log => None,
                Target::Channel(name) | Target::Private(name) => Some(name.as_str()),
            });
        let all = friends.chain(members).chain(names).map(str::to_owned);
        action::command_names().chain(all).collect()
    }

    fn on_line(&mut self) -> Option<Action> {
        let target = self.current().target.clone();
        let line = self.input.submit();
        // What follows is an answer to the line, below all others.
        self.current_mut().scroll = 0;
        match action::parse(&line, &target)? {
            Ok(Action::Close) => self.close(&target),
            Ok(Action::Clear) => self.current_mut().clear(),
            Ok(Action::Help) => {
                for line in action::help() {
                    self.answer(&line);
                }
            }
            Ok(Action::Private { user, text }) => {
                self.open(Target::Private(user.clone()), true);
                return Some(Action::Private { user, text });
            }
            Ok(action) => return Some(action),
            Err(error) => {
                let text = clean(&error);
                self.current_mut().push(Entry::Problem(text));
            }
        }
        None
    }
}
