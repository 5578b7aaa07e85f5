//! A long list whose copies share what did not change.

use std::sync::Arc;

/// Items of one block. Small enough that a change copies a few kilobytes, large enough that a copy of the list is short.
const BLOCK: usize = 128;

/// A list in shared blocks: a copy costs one pointer per block, a change copies one block when somebody shares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blocks<T> {
    blocks: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), len: 0 }
    }
}

impl<T: Clone> Blocks<T> {
    /// Items.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The item at `i`.
    pub(super) fn get(&self, i: usize) -> Option<&T> {
        self.blocks.get(i / BLOCK)?.get(i % BLOCK)
    }

    /// Puts an item in place of the one at `i`, or at the end when `i` is the length; nothing happens beyond it.
    pub(super) fn put(&mut self, i: usize, item: T) {
        if i == self.len {
            self.push(item);
        } else if let Some(block) = self.blocks.get_mut(i / BLOCK)
            && let Some(old) = Arc::make_mut(block).get_mut(i % BLOCK)
        {
            *old = item;
        }
    }

    /// Appends an item.
    pub(super) fn push(&mut self, item: T) {
        match self.blocks.last_mut() {
            Some(block) if block.len() < BLOCK => Arc::make_mut(block).push(item),
            _ => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(item);
                self.blocks.push(Arc::new(block));
            }
        }
        self.len += 1;
    }

    /// All items in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> + '_ {
        self.blocks.iter().flat_map(|block| block.iter())
    }
}

impl<T: Clone> FromIterator<T> for Blocks<T> {
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
