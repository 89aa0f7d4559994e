// SPDX-License-Identifier: MIT
#include <prunus/structure/compaction.hpp>
#include <prunus/structure/plan_removal.hpp>

#include "support/catch.hpp"
#include "support/compaction_laws.hpp"
#include "support/random_graph.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace {

using prunus::Index;

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
    REQUIRE(plan.opaque.empty());
    met.add(plan);
    support::violations laws;
    support::inspect_compaction(laws, net, plan, random);
    REQUIRE(laws.found() == std::vector<std::string>{});
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
    support::violations laws;
    support::inspect_compaction(laws, net, plan, random);
    REQUIRE(laws.found() == std::vector<std::string>{});
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

    support::violations laws;
    const naive::named_values inputs = random_graph::random_inputs(net.resolved, random);
    support::inspect_smaller(laws, net, plan, inputs, 4);
    CHECK(laws.found() == std::vector<std::string>{});
  }
}
