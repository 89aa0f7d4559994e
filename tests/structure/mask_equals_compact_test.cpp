// SPDX-License-Identifier: MIT
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/cost.hpp>
#include <prunus/structure/network_structure.hpp>
#include <prunus/structure/plan_removal.hpp>
#include <prunus/structure/plan_text.hpp>

#include "support/catch.hpp"
#include "support/naive_graph.hpp"
#include "support/random_graph.hpp"

#include <cmath>
#include <cstdint>
#include <set>
#include <span>
#include <vector>

namespace {

using prunus::Index;

/// Largest difference of the networks' outputs, relative to the largest output.
double difference(const prunus::resolved_graph& a, const naive::evaluation& of_a,
                  const prunus::resolved_graph& b, const naive::evaluation& of_b) {
  double largest = 1e-3, worst = 0;
  for (std::size_t n = 0; n < a.nodes.size(); ++n) {
    if (!a.nodes[n].is_output) continue;
    const naive::values &left = of_a.results[n], &right = of_b.results[b.index_of(a.nodes[n].name)];
    REQUIRE(left.size() == right.size());
    for (std::size_t i = 0; i < left.size(); ++i) {
      REQUIRE(std::isfinite(left[i]));
      largest = std::max(largest, std::abs(left[i]));
      worst = std::max(worst, std::abs(left[i] - right[i]));
    }
  }
  return worst / largest;
}

/// Values in the tensors that training changes, and in all of them.
prunus::cost stored(const prunus::resolved_graph& network, const naive::named_values& tensors) {
  prunus::cost result;
  for (const auto& node : network.nodes)
    for (const auto& p : node.parameters) {
      const Index size = static_cast<Index>(tensors.at(p.name).size());
      const bool statistic = p.name.find("running") != p.name.npos;
      result.parameters += statistic ? 0 : size;
      result.bytes += size * 8;
    }
  return result;
}

/// The units that a plan leaves, one byte each, in the order of the couplings.
std::vector<std::vector<std::uint8_t>> kept_units(const prunus::network_structure& network,
                                                  const prunus::plan& p) {
  std::vector<std::vector<std::uint8_t>> keep;
  for (const prunus::coupling& group : network.couplings()) {
    keep.emplace_back(static_cast<std::size_t>(group.units), std::uint8_t{1});
    for (const prunus::plan::removal& r : p.removed)
      if (r.coupling == group.name) keep.back()[static_cast<std::size_t>(r.unit)] = 0;
  }
  return keep;
}

prunus::cost counted(const prunus::network_structure& network,
                     const std::vector<std::vector<std::uint8_t>>& keep) {
  std::vector<std::span<const std::uint8_t>> spans(keep.begin(), keep.end());
  return network.cost_of_kept(spans, 8);
}

/// What the trials met, so that the property is not true of nothing.
struct coverage {
  std::size_t removed = 0, folds = 0, exact = 0, approximate = 0;
  std::set<prunus::plan::removal_reason> reasons;
  std::set<prunus::plan::receiver> receivers;
  std::set<prunus::keep_reason> kept;

  void add(const prunus::plan& p) {
    removed += p.removed.size();
    folds += p.folds.size();
    (p.is_exact() ? exact : approximate) += 1;
    for (const auto& r : p.removed) reasons.insert(r.reason);
    for (const auto& f : p.folds) receivers.insert(f.into);
    for (const auto& k : p.kept) kept.insert(k.reason);
  }
};

}  // namespace

TEST_CASE("a masked network and its compacted twin give the same outputs on random graphs",
          "[structure][compaction]") {
  coverage met;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    CAPTURE(seed);
    random_graph::source random(seed);
    random_graph::network net = random_graph::random_network(random);
    random_graph::zero_random_units(net, random);

    const prunus::plan plan = prunus::plan_removal(net.graph, net.model);
    CAPTURE(prunus::to_text(plan));
    REQUIRE(plan.is_exact());
    REQUIRE(prunus::load_plan(prunus::save_plan(plan)) == plan);
    met.add(plan);

    const prunus::resolved_graph smaller = prunus::resolve(prunus::compact(net.graph, plan));
    const naive::named_values masked_tensors = naive::tensors_of(net.model);
    const naive::named_values tensors = naive::tensors_of(prunus::compact(net.model, plan));
    for (const auto& node : smaller.nodes)
      for (const auto& p : node.parameters)
        REQUIRE(static_cast<Index>(tensors.at(p.name).size()) == p.size());

    const naive::named_values inputs = random_graph::random_inputs(net.resolved, random);
    const naive::evaluation masked = naive::evaluate(net.resolved, masked_tensors, inputs);
    const naive::evaluation compacted = naive::evaluate(smaller, tensors, inputs);
    REQUIRE(difference(net.resolved, masked, smaller, compacted) < 1e-11);

    // Counts are those of the loops and of the tensors, before and after.
    REQUIRE(plan.before == prunus::cost{masked.macs,
                                        stored(net.resolved, masked_tensors).parameters,
                                        stored(net.resolved, masked_tensors).bytes});
    REQUIRE(plan.after == prunus::cost{compacted.macs, stored(smaller, tensors).parameters,
                                       stored(smaller, tensors).bytes});
    REQUIRE(prunus::cost_of(smaller, 8) == plan.after);
    prunus::cost without_new = plan.after;
    for (const prunus::plan::new_tensor& t : plan.new_tensors)
      without_new.parameters -= t.size, without_new.bytes -= t.size * 8;
    REQUIRE(counted(net.structure, kept_units(net.structure, plan)) == without_new);
  }
  using enum prunus::keep_reason;
  CHECK(met.removed > 2000);
  CHECK(met.folds > 500);
  CHECK(met.reasons ==
        std::set{prunus::plan::removal_reason::constant, prunus::plan::removal_reason::unread});
  CHECK(met.receivers == std::set{prunus::plan::receiver::bias, prunus::plan::receiver::new_bias,
                                  prunus::plan::receiver::running_mean});
  CHECK(met.kept == std::set{zero_padding, layer_norm, partly_alive, last_of_layer,
                             output_of_network, input_of_network});
}

TEST_CASE("a plan that approximates says so whenever outputs differ", "[structure][compaction]") {
  coverage met;
  for (std::uint64_t seed = 1001; seed <= 1150; ++seed) {
    CAPTURE(seed);
    random_graph::source random(seed);
    random_graph::network net = random_graph::random_network(random);
    random_graph::zero_random_units(net, random);

    const prunus::plan exact = prunus::plan_removal(net.graph, net.model);
    const prunus::plan plan = prunus::plan_removal(
        net.graph, net.model, {.at_padding = prunus::padding_policy::approximate});
    CAPTURE(prunus::to_text(plan));
    met.add(plan);
    CHECK(plan.removed.size() >= exact.removed.size());
    for (const prunus::plan::kept_channel& k : plan.kept)
      CHECK(k.reason != prunus::keep_reason::zero_padding);
    if (!plan.is_exact()) continue;
    const prunus::resolved_graph smaller = prunus::resolve(prunus::compact(net.graph, plan));
    const naive::named_values inputs = random_graph::random_inputs(net.resolved, random);
    REQUIRE(difference(net.resolved,
                       naive::evaluate(net.resolved, naive::tensors_of(net.model), inputs), smaller,
                       naive::evaluate(smaller, naive::tensors_of(prunus::compact(net.model, plan)),
                                       inputs)) < 1e-11);
  }
  CHECK(met.exact > 20);
  CHECK(met.approximate > 20);
}

TEST_CASE("channels named by the caller go with all that is coupled to them on random graphs",
          "[structure][plan]") {
  for (std::uint64_t seed = 2001; seed <= 2100; ++seed) {
    CAPTURE(seed);
    random_graph::source random(seed);
    random_graph::network net = random_graph::random_network(random);
    std::vector<prunus::unit_selection> requested;
    for (const prunus::coupling& group : net.structure.couplings()) {
      prunus::unit_selection& named =
          requested.emplace_back(prunus::unit_selection{group.name, {}});
      for (Index u = 0; u < group.units; ++u)
        if (random.chance(0.4)) named.units.push_back(u);
    }
    const prunus::plan plan = prunus::plan_removal(net.graph, requested);
    CAPTURE(prunus::to_text(plan));
    std::size_t wanted = 0;
    for (const prunus::unit_selection& named : requested) wanted += named.units.size();
    CHECK(plan.removed.size() + plan.kept.size() == wanted);

    const prunus::resolved_graph smaller = prunus::resolve(prunus::compact(net.graph, plan));
    const naive::named_values inputs = random_graph::random_inputs(net.resolved, random);
    const naive::evaluation result =
        naive::evaluate(smaller, naive::tensors_of(prunus::compact(net.model, plan)), inputs);
    CHECK(result.macs == plan.after.macs);
    prunus::cost in_floats = counted(net.structure, kept_units(net.structure, plan));
    in_floats.bytes /= 2;
    CHECK(in_floats == plan.after);
  }
}
