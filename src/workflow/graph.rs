//! Which work package waits for which: cycles, order, what is ready.

use std::collections::{BTreeMap, BTreeSet};

use super::work_package::WpId;

/// What each work package waits for. Ids that are no key are not known.
pub(crate) type Graph = BTreeMap<WpId, Vec<WpId>>;

/// Every work package that waits for itself, directly or not, as the way back to
/// it: `[WP01, WP02, WP01]`. Each cycle is given once, from its smallest member.
#[must_use]
pub(crate) fn cycles(graph: &Graph) -> Vec<Vec<WpId>> {
    let mut found = Vec::new();
    let mut explained = BTreeSet::new();
    for start in graph.keys() {
        if explained.contains(start) {
            continue;
        }
        if let Some(cycle) = way_back(graph, *start) {
            explained.extend(cycle.iter().copied());
            found.push(cycle);
        }
    }
    found
}

/// The shortest way from `start` back to it.
fn way_back(graph: &Graph, start: WpId) -> Option<Vec<WpId>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            let last = way.last()?;
            for next in graph.get(last).into_iter().flatten() {
                let mut way = way.clone();
                way.push(*next);
                if *next == start {
                    return Some(way);
                }
                if seen.insert(*next) {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}

/// All work packages, each after those that it waits for, the smallest id first
/// where there is a choice. What is in a cycle, or waits for one, comes last.
#[must_use]
pub(crate) fn order(graph: &Graph) -> Vec<WpId> {
    let mut done: Vec<WpId> = Vec::new();
    let mut left: BTreeSet<WpId> = graph.keys().copied().collect();
    while let Some(next) = left
        .iter()
        .find(|id| is_ready(graph, **id, |other| done.contains(&other)))
        .or_else(|| left.first())
        .copied()
    {
        left.remove(&next);
        done.push(next);
    }
    done
}

/// Whether all that `id` waits for is done. What is not known holds up nobody.
pub(crate) fn is_ready(graph: &Graph, id: WpId, done: impl Fn(WpId) -> bool) -> bool {
    let needs = graph.get(&id).into_iter().flatten();
    needs
        .filter(|other| graph.contains_key(other))
        .all(|other| done(*other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn graph(edges: &[(u8, &[u8])]) -> Graph {
        let id = |number: &u8| format!("WP{number:02}").parse().unwrap();
        edges
            .iter()
            .map(|(from, to)| (id(from), to.iter().map(id).collect()))
            .collect()
    }

    fn shown(ids: &[WpId]) -> String {
        ids.iter()
            .map(WpId::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn each_cycle_is_named_once() {
        let graph = graph(&[
            (1, &[2]),
            (2, &[3]),
            (3, &[1, 4]),
            (4, &[]),
            (5, &[5]),
            (6, &[1]),
        ]);
        let found: Vec<String> = cycles(&graph).iter().map(|cycle| shown(cycle)).collect();
        assert_eq!(found, ["WP01 WP02 WP03 WP01", "WP05 WP05"]);
    }

    #[test]
    fn the_order_follows_dependencies_then_ids() {
        let graph = graph(&[(1, &[3]), (2, &[]), (3, &[]), (4, &[1, 2, 9])]);
        assert_eq!(shown(&order(&graph)), "WP02 WP03 WP01 WP04");
    }

    proptest! {
        #[test]
        fn nobody_comes_before_what_it_waits_for(edges in prop::collection::vec((0_u8..12, 0_u8..12), 0..30)) {
            let mut graph: Graph = (0..12).map(|n| (format!("WP{n:02}").parse().unwrap(), vec![])).collect();
            for (from, to) in edges {
                let id = |n: u8| format!("WP{n:02}").parse::<WpId>().unwrap();
                graph.get_mut(&id(from)).unwrap().push(id(to));
            }
            let order = order(&graph);
            prop_assert_eq!(order.len(), graph.len());
            if cycles(&graph).is_empty() {
                for (at, id) in order.iter().enumerate() {
                    for need in &graph[id] {
                        prop_assert!(order[..at].contains(need));
                    }
                }
            }
        }
    }

    #[test]
    fn a_cycle_is_told_once_as_the_way_back() {
        let id = |text: &str| text.parse().unwrap();
        let graph = [
            (id("WP01"), vec![id("WP02")]),
            (id("WP02"), vec![id("WP01")]),
        ]
        .into();
        assert_eq!(cycles(&graph), [[id("WP01"), id("WP02"), id("WP01")]]);
    }
}
