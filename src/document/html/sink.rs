//! The tree that html5ever builds: nodes in one vector, linked by position. Nothing recurses, and nothing is freed one by
//! one, whatever the depth.

use html5ever::tendril::StrTendril;
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::{Attribute, LocalName, QualName, ns};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Attributes of one element; browsers have no bound, but the parser looks each up among all before it.
pub(super) const ATTRIBUTES: usize = 1_024;

/// No node.
pub(super) const NONE: u32 = u32::MAX;
/// The document.
pub(super) const ROOT: u32 = 0;

/// A node and its name, so that the parser can ask for the name without a look at the tree.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    at: u32,
    name: Rc<QualName>,
}

pub(super) enum Data {
    /// The document, or what a template holds: its children stand for it.
    Holder,
    Element {
        name: Rc<QualName>,
        attributes: Vec<Attribute>,
        /// MathML that takes HTML.
        integration: bool,
    },
    Text(String),
    /// A comment or a processing instruction: nothing of it is compared.
    Nothing,
}

pub(super) struct Node {
    pub(super) data: Data,
    pub(super) parent: u32,
    pub(super) previous: u32,
    pub(super) next: u32,
    pub(super) first: u32,
    pub(super) last: u32,
    depth: u32,
}

/// What was built.
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// The doctype as written, in one spelling.
    pub(super) doctype: Option<String>,
}

impl Tree {
    pub(super) fn node(&self, at: u32) -> Option<&Node> {
        self.nodes.get(at as usize)
    }
    pub(super) fn node_mut(&mut self, at: u32) -> Option<&mut Node> {
        self.nodes.get_mut(at as usize)
    }
    /// The node after this one in document order, `left` being called for every node that ends on the way; `NONE` at the
    /// end of `root`.
    pub(super) fn after(&self, at: u32, root: u32, mut left: impl FnMut(u32)) -> u32 {
        let mut at = at;
        if let Some(first) = self.node(at).map(|node| node.first).filter(|first| *first != NONE) {
            return first;
        }
        while let Some(node) = self.node(at) {
            left(at);
            if at == root {
                break;
            }
            if node.next != NONE {
                return node.next;
            }
            at = node.parent;
        }
        NONE
    }

    fn push(&mut self, data: Data) -> u32 {
        self.nodes.push(Node { data, parent: NONE, previous: NONE, next: NONE, first: NONE, last: NONE, depth: 0 });
        (self.nodes.len() - 1) as u32
    }

    fn detach(&mut self, at: u32) {
        let Some(node) = self.node_mut(at) else { return };
        let (parent, previous, next) = (node.parent, node.previous, node.next);
        (node.parent, node.previous, node.next) = (NONE, NONE, NONE);
        match self.node_mut(previous) {
            Some(node) => node.next = next,
            None => self.node_mut(parent).into_iter().for_each(|node| node.first = next),
        }
        match self.node_mut(next) {
            Some(node) => node.previous = previous,
            None => self.node_mut(parent).into_iter().for_each(|node| node.last = previous),
        }
    }

    /// Puts a node before a sibling, or last where there is none; its depth.
    fn insert(&mut self, parent: u32, before: u32, at: u32) -> u32 {
        self.detach(at);
        let depth = self.node(parent).map_or(0, |node| node.depth + 1);
        let previous = match self.node_mut(before) {
            Some(sibling) => std::mem::replace(&mut sibling.previous, at),
            None => self.node_mut(parent).map_or(NONE, |node| std::mem::replace(&mut node.last, at)),
        };
        match self.node_mut(previous) {
            Some(node) => node.next = at,
            None => self.node_mut(parent).into_iter().for_each(|node| node.first = at),
        }
        if let Some(node) = self.node_mut(at) {
            (node.parent, node.previous, node.next, node.depth) = (parent, previous, before, depth);
        }
        depth
    }

    /// Puts text there, into the text before it where there is one.
    fn insert_text(&mut self, parent: u32, before: u32, text: &str) {
        let previous = match self.node(before) {
            Some(sibling) => sibling.previous,
            None => self.node(parent).map_or(NONE, |node| node.last),
        };
        match self.node_mut(previous).map(|node| &mut node.data) {
            Some(Data::Text(held)) => held.push_str(text),
            _ => {
                let at = self.push(Data::Text(text.to_owned()));
                self.insert(parent, before, at);
            }
        }
    }
}

/// Takes what html5ever builds, and knows when it is too much.
pub(super) struct Sink {
    tree: RefCell<Tree>,
    no_name: Rc<QualName>,
    deepest: Cell<u32>,
    too_many_attributes: Cell<bool>,
}

impl Sink {
    pub(super) fn new() -> Sink {
        let mut tree = Tree { nodes: Vec::new(), doctype: None };
        tree.push(Data::Holder);
        Sink {
            tree: RefCell::new(tree),
            no_name: Rc::new(QualName::new(None, ns!(), LocalName::from(""))),
            deepest: Cell::new(0),
            too_many_attributes: Cell::new(false),
        }
    }
    /// Levels of nesting so far; a little more than there are where the parser moves nodes about.
    pub(super) fn deepest(&self) -> usize {
        self.deepest.get() as usize
    }
    pub(super) fn nodes(&self) -> usize {
        self.tree.borrow().nodes.len()
    }
    pub(super) fn too_many_attributes(&self) -> bool {
        self.too_many_attributes.get()
    }
    fn handle(&self, at: u32) -> Handle {
        Handle { at, name: self.no_name.clone() }
    }
    fn put(&self, parent: u32, before: u32, child: NodeOrText<Handle>) {
        let mut tree = self.tree.borrow_mut();
        match child {
            NodeOrText::AppendNode(child) => {
                let depth = tree.insert(parent, before, child.at);
                self.deepest.set(self.deepest.get().max(depth));
            }
            NodeOrText::AppendText(text) => tree.insert_text(parent, before, &text),
        }
    }
}

impl TreeSink for Sink {
    type Handle = Handle;
    type Output = Tree;
    type ElemName<'a> = &'a QualName;

    fn finish(self) -> Tree {
        self.tree.into_inner()
    }
    fn parse_error(&self, _: Cow<'static, str>) {}
    fn get_document(&self) -> Handle {
        self.handle(ROOT)
    }
    fn elem_name<'a>(&'a self, target: &'a Handle) -> &'a QualName {
        &target.name
    }
    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, flags: ElementFlags) -> Handle {
        let name = Rc::new(name);
        let integration = flags.mathml_annotation_xml_integration_point;
        let mut tree = self.tree.borrow_mut();
        let at = tree.push(Data::Element { name: name.clone(), attributes, integration });
        if flags.template {
            let holder = tree.push(Data::Holder);
            tree.insert(at, NONE, holder);
        }
        Handle { at, name }
    }
    fn create_comment(&self, _: StrTendril) -> Handle {
        self.handle(self.tree.borrow_mut().push(Data::Nothing))
    }
    fn create_pi(&self, _: StrTendril, _: StrTendril) -> Handle {
        self.handle(self.tree.borrow_mut().push(Data::Nothing))
    }
    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        self.put(parent.at, NONE, child);
    }
    fn append_based_on_parent_node(&self, element: &Handle, previous: &Handle, child: NodeOrText<Handle>) {
        let has_parent = self.tree.borrow().node(element.at).is_some_and(|node| node.parent != NONE);
        if has_parent { self.append_before_sibling(element, child) } else { self.append(previous, child) }
    }
    fn append_doctype_to_document(&self, name: StrTendril, public: StrTendril, system: StrTendril) {
        let mut doctype = name.to_string();
        for (word, id) in [("public", public), ("system", system)] {
            if !id.is_empty() {
                doctype.push_str(&format!(" {word} \"{id}\""));
            }
        }
        self.tree.borrow_mut().doctype = Some(doctype);
    }
    fn get_template_contents(&self, target: &Handle) -> Handle {
        self.handle(self.tree.borrow().node(target.at).map_or(target.at, |node| node.first))
    }
    fn same_node(&self, x: &Handle, y: &Handle) -> bool {
        x.at == y.at
    }
    fn set_quirks_mode(&self, _: QuirksMode) {}
    fn append_before_sibling(&self, sibling: &Handle, child: NodeOrText<Handle>) {
        let parent = self.tree.borrow().node(sibling.at).map_or(NONE, |node| node.parent);
        self.put(parent, sibling.at, child);
    }
    fn add_attrs_if_missing(&self, target: &Handle, attrs: Vec<Attribute>) {
        let mut tree = self.tree.borrow_mut();
        let Some(Data::Element { attributes, .. }) = tree.node_mut(target.at).map(|node| &mut node.data) else {
            return;
        };
        for attribute in attrs {
            if attributes.iter().all(|held| held.name != attribute.name) {
                attributes.push(attribute);
            }
        }
        if attributes.len() > ATTRIBUTES {
            self.too_many_attributes.set(true);
        }
    }
    fn remove_from_parent(&self, target: &Handle) {
        self.tree.borrow_mut().detach(target.at);
    }
    fn reparent_children(&self, node: &Handle, new_parent: &Handle) {
        let mut tree = self.tree.borrow_mut();
        while let Some(child) = tree.node(node.at).map(|node| node.first).filter(|child| *child != NONE) {
            tree.insert(new_parent.at, NONE, child);
        }
    }
    fn is_mathml_annotation_xml_integration_point(&self, handle: &Handle) -> bool {
        let tree = self.tree.borrow();
        tree.node(handle.at).is_some_and(|node| matches!(node.data, Data::Element { integration: true, .. }))
    }
}
