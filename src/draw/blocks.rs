//! A long list whose copies share what did not change.

use std::sync::Arc;

/// Items of one block. Small enough that a change copies a few kilobytes, large enough that a copy of the list is short.
const BLOCK: usize = 128;

/// A list in shared blocks: a copy costs one pointer per block, a change copies one block when somebody shares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blocks<T> {
    blocks: Vec<Arc<[T; BLOCK]>>,
    len: usize,
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), len: 0 }
    }
}

impl<T: Copy + Default> Blocks<T> {
    /// Items.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The item at `i`.
    pub(super) fn get(&self, i: usize) -> Option<&T> {
        let item = self.blocks.get(i / BLOCK)?.get(i % BLOCK);
        item.filter(|_| i < self.len)
    }

    /// Puts an item in place of the one at `i`, or at the end when `i` is the length; nothing happens beyond it.
    pub(super) fn put(&mut self, i: usize, item: T) {
        if i == self.len {
            self.push(item);
        } else if let Some(block) = self.blocks.get_mut(i / BLOCK).filter(|_| i < self.len) {
            Arc::make_mut(block)[i % BLOCK] = item;
        }
    }

    /// Appends an item.
    pub(super) fn push(&mut self, item: T) {
        if self.len.is_multiple_of(BLOCK) {
            self.blocks.push(Arc::new([T::default(); BLOCK]));
        }
        self.len += 1;
        self.put(self.len - 1, item);
    }

    /// The items `from..` that lie in one block; all of them when a block is a multiple of what is asked together.
    pub(super) fn run(&self, from: usize, most: usize) -> &[T] {
        let until = (from + most).min(self.len).min((from / BLOCK + 1) * BLOCK);
        let block = self.blocks.get(from / BLOCK).filter(|_| from < until);
        block.map_or(&[], |block| &block[from % BLOCK..=(until - 1) % BLOCK])
    }

    /// All items in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> + '_ {
        self.blocks.iter().flat_map(|block| block.iter()).take(self.len)
    }
}

impl<T: Copy + Default> FromIterator<T> for Blocks<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = Self::default();
        for item in items {
            list.push(item);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_list_and_its_copies_keep_what_they_had(
            len in 0..500_usize,
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u32>()), 0..40),
        ) {
            let mut list: Blocks<u32> = (0..).take(len).collect();
            let mut model: Vec<u32> = (0..).take(len).collect();
            for (which, item) in changes {
                let (copy, before) = (list.clone(), model.clone());
                let i = which.index(model.len() + 1);
                list.put(i, item);
                if i == model.len() { model.push(item) } else { model[i] = item }
                prop_assert_eq!(copy.iter().copied().collect::<Vec<_>>(), before);
                prop_assert_eq!(list.iter().copied().collect::<Vec<_>>(), model.clone());
                prop_assert_eq!((list.len(), list.get(i), list.get(model.len())), (model.len(), Some(&item), None));
            }
        }
    }
}
