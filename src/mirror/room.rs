//! Bounds of what the shadow thread holds beside what is in flight: so many exchanges, and so many bytes of their copies.

use std::cell::Cell;
use std::rc::Rc;

/// A room.
pub(super) struct Room {
    most: (usize, usize),
    in_use: Rc<InUse>,
}

#[derive(Default)]
struct InUse {
    exchanges: Cell<usize>,
    bytes: Cell<usize>,
}

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// For one more exchange.
    Exchanges,
    /// For its bytes.
    Bytes,
}

impl Room {
    /// For so many exchanges and bytes; whatever is in the room before it is in this one.
    pub(super) fn new(exchanges: usize, bytes: usize, before: Option<&Room>) -> Room {
        Room { most: (exchanges, bytes), in_use: before.map(|before| before.in_use.clone()).unwrap_or_default() }
    }
    /// Exchanges and bytes in it.
    pub(super) fn now(&self) -> (usize, usize) {
        (self.in_use.exchanges.get(), self.in_use.bytes.get())
    }
    /// Takes one more exchange in.
    pub(super) fn admit(&self, bytes: usize) -> Result<Rc<Place>, Full> {
        let exchanges = &self.in_use.exchanges;
        if exchanges.get() >= self.most.0 {
            return Err(Full::Exchanges);
        }
        exchanges.set(exchanges.get() + 1);
        let place = Rc::new(Place { in_use: self.in_use.clone(), most: self.most.1, bytes: Cell::new(0) });
        if place.charge(bytes) { Ok(place) } else { Err(Full::Bytes) }
    }
}

/// One exchange's place; given back when dropped.
pub(super) struct Place {
    in_use: Rc<InUse>,
    most: usize,
    bytes: Cell<usize>,
}

impl Place {
    /// Holds more bytes; false when there is no room, and then nothing more is held.
    pub(super) fn charge(&self, bytes: usize) -> bool {
        let held = self.in_use.bytes.get() + bytes;
        if held > self.most {
            return false;
        }
        self.in_use.bytes.set(held);
        self.bytes.set(self.bytes.get() + bytes);
        true
    }
    /// Bytes held.
    pub(super) fn held(&self) -> usize {
        self.bytes.get()
    }
    /// No more than so many bytes are held any longer.
    pub(super) fn back_to(&self, bytes: usize) {
        let freed = self.bytes.get().saturating_sub(bytes);
        self.in_use.bytes.set(self.in_use.bytes.get() - freed);
        self.bytes.set(self.bytes.get() - freed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let InUse { exchanges, bytes } = &*self.in_use;
        exchanges.set(exchanges.get() - 1);
        bytes.set(bytes.get() - self.bytes.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_bounded_and_given_back() {
        let room = Room::new(2, 100, None);
        let first = room.admit(60).ok().unwrap();
        assert_eq!(room.admit(41).err(), Some(Full::Bytes));
        let second = room.admit(30).ok().unwrap();
        assert_eq!(room.admit(0).err(), Some(Full::Exchanges));
        assert!(!second.charge(11) && second.charge(10));
        let next = Room::new(3, 200, Some(&room));
        assert_eq!(next.now(), (2, 100), "what came before is in it");
        drop(first);
        assert!(second.charge(60) && !second.charge(1));
        second.back_to(70);
        assert_eq!((second.held(), room.now()), (70, (1, 70)));
        second.back_to(90);
        assert_eq!(second.held(), 70, "that is no charge");
        drop(second);
        assert_eq!((room.now(), next.now()), ((0, 0), (0, 0)));
    }
}
