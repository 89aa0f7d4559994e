// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/mask.hpp>
#include <prunus/core/pool_ref.hpp>
#include <prunus/pruning/detail/decision.hpp>
#include <prunus/pruning/detail/run_to_end.hpp>
#include <prunus/pruning/pass_report.hpp>
#include <prunus/pruning/pass_state.hpp>

#include <algorithm>  // std::count, std::max
#include <cstddef>    // std::size_t
#include <cstdint>    // std::uint8_t
#include <span>       // std::span
#include <string>     // std::string
#include <vector>     // std::vector

/// What an event did. All that takes memory is done before anything is written.
namespace prunus {
inline namespace v0 {
namespace detail {

/// The report of an event whose masks are decided; numbers of what is kept are filled in later.
template <class = compiled_on_use>
class report_in_progress {
 public:
  report_in_progress(const pass_state& state, const pass_event& event)
      : result_{event.number, event.target, {}, state.remarks} {
    for (std::size_t i = 0; i < state.targets.size(); ++i)
      for (std::size_t k = 0; k < state.targets[i].members.size(); ++k)
        if (state.targets[i].members[k].scored) add(state, {i, k});
    done_.assign(places_.size(), 0);
    for (const pass_report::parameter& p : state.spared) result_.parameters.push_back(p);
  }

  /// Notes what the allocation left undone. `next` holds what it decided.
  void add(const outcome& said, const pass_state& next) {
    if (said.achieved.of != result_.of) {
      result_.of = said.achieved.of;
      result_.measured = said.achieved.share;
    }
    Index units = 0, removed = 0, asked = 0;
    for (std::size_t i = 0; i < next.targets.size(); ++i) {
      const std::span<const std::uint8_t> keep = next.targets[i].keep();
      const Index all = static_cast<Index>(keep.size()), gone = all - count_ones(keep);
      units += all;
      removed += gone;
      if (said.asked[i] == unknown_count)
        asked = -1;
      else if (asked >= 0)
        asked += said.asked[i];
      note_shortfall(next.targets[i], gone, said.asked[i]);
    }
    const double tolerance = 0.5 * static_cast<double>(next.targets.size());  // of rounding
    const bool short_of = result_.measured
                              ? *result_.measured < result_.target - 1e-9
                              : asked < 0 && static_cast<double>(removed) + tolerance <
                                                 result_.target * static_cast<double>(units);
    if (short_of)
      result_.remarks.push_back(
          {"", concat("the target was not reached: ", result_.target, " of the ", result_.of,
                      " should go, ",
                      result_.measured.value_or(static_cast<double>(removed) /
                                                static_cast<double>(std::max<Index>(units, 1))),
                      " of them do")});
  }
  /// The same of a sweep that is still to come.
  template <weight_scalar S>
  void add(const sweep<S>& said, const model<S>& net, const pass_state& next) {
    for (std::size_t i = 0; i < next.targets.size(); ++i) {
      note_shortfall(next.targets[i], said.removed(i), said.asked(i));
      if (!said.keeps_zeros(i)) continue;
      const weight_view<S> w = parameter_of(net, next.targets[i].members.front()).weight;
      result_.remarks.push_back(
          {next.targets[i].name, concat(std::count(w.data, w.data + w.size(), S(0)),
                                        " of its weights are zero, more than were to go")});
    }
  }

  template <weight_scalar S>
  void add(const no_sweep&, const model<S>&, const pass_state&) {}

  /// Counts what is kept. Fails never.
  void count(const pass_state& state, pool_ref pool) noexcept {
    run_to_end(pool, done_, [&](std::size_t p) {
      pass_report::parameter& to = result_.parameters[p];
      Index removed = 0, weights_removed = 0;
      for (const place& at : places_[p]) {
        const mask& m = state.targets[at.target].members[at.member].mask;
        const Index kept = count_ones(m.bytes());
        removed += m.size() - kept;
        weights_removed +=
            m.grid().weights() - (m.grid().is_elementwise() ? kept : m.weights_kept());
      }
      to.kept = to.units - removed;
      to.weights_kept = to.weights - weights_removed;
    });
  }
  /// What a sweep has counted.
  void take(const std::vector<Index>& kept) noexcept {
    for (std::size_t p = 0; p < kept.size(); ++p)
      result_.parameters[p].kept = result_.parameters[p].weights_kept = kept[p];
  }
  [[nodiscard]] pass_report& result() noexcept { return result_; }

 private:
  /// A member of a target; a parameter may be one of several.
  struct place {
    std::size_t target, member;
  };

  void add(const pass_state& state, place at) {
    const pass_state::target::member& m = state.targets[at.target].members[at.member];
    for (std::size_t p = 0; p < places_.size(); ++p)
      if (parameters_[p] == m.parameter) {
        places_[p].push_back(at);
        return;
      }
    parameters_.push_back(m.parameter);
    places_.push_back({at});
    result_.parameters.push_back(
        {m.name, m.mask.size(), m.mask.size(), m.mask.grid().weights(), m.mask.grid().weights()});
  }

  void note_shortfall(const pass_state::target& t, Index gone, Index asked) {
    if (asked == unknown_count || gone == unknown_count || gone >= asked) return;
    const limits& l = t.limits;
    std::string why;
    if (l.min_kept > 1) why += concat("; at least ", l.min_kept, " must stay");
    if (l.multiple_of > 1) why += concat("; what stays is a multiple of ", l.multiple_of);
    result_.remarks.push_back({t.name, concat(asked, " of its ", t.keep().size(),
                                              " units were to go, ", gone, " do", why)});
  }

  pass_report result_;
  std::vector<Index> parameters_;           ///< positions in the model
  std::vector<std::vector<place>> places_;  ///< of each of them
  std::vector<std::uint8_t> done_;
};

}  // namespace detail
}  // namespace v0
}  // namespace prunus
