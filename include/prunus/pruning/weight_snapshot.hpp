// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/archive.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/model.hpp>
#include <prunus/core/named_masks.hpp>
#include <prunus/core/named_tensor.hpp>
#include <prunus/pruning/pass_state.hpp>

#include <algorithm>  // std::copy_n, std::fill_n
#include <array>      // std::array
#include <cstddef>    // std::size_t
#include <cstdint>    // std::int64_t, std::uint8_t
#include <span>       // std::span
#include <utility>    // std::move
#include <vector>     // std::vector

namespace prunus {
inline namespace v0 {

/// What a rewind does with the optimizer's buffers.
enum class optimizer_buffers : std::uint8_t {
  zero,    ///< as at the start of a training
  restore  ///< as they were when the snapshot was taken, zero where a weight is removed
};

/// A copy of all weights of a model, and of the optimizer's buffers, at one moment of a training: a
/// lottery ticket is a network pruned late and rewound to its early weights.
///
///     prunus::weight_snapshot early(net);                    // at the start, or some steps later
///     // ... train and prune ...
///     early.rewind(net, scheduler.states());                 // or rewind(net, pruned.masks)
///     // ... train again with the same schedule of learning rates, masks held ...
///
/// Everything in the model goes back, biases and running statistics too; what the masks have
/// removed is zero. Repeat train, prune, rewind for iterative magnitude pruning. Rewinding the
/// learning rate alone (A. Renda, J. Frankle, M. Carbin, ICLR 2020, arXiv:2003.02389) needs no
/// snapshot: keep the weights and run the schedule of learning rates again from an earlier step.
///
/// A value of its own memory: as much as the weights and buffers it copied.
/// @source J. Frankle, M. Carbin, "The Lottery Ticket Hypothesis", ICLR 2019, arXiv:1803.03635
/// (back to the first weights); J. Frankle, G. K. Dziugaite, D. M. Roy, M. Carbin, "Linear Mode
/// Connectivity and the Lottery Ticket Hypothesis", ICML 2020, arXiv:1912.05671 (back to an early
/// step)
template <weight_scalar S>
class weight_snapshot {
 public:
  explicit weight_snapshot(const model<S>& net) {
    for (const parameter<S>& p : net.parameters()) {
      entry copy{{p.name, p.weight.extents, p.weight.axes, p.weight.rank, copied(p.weight)}, {}};
      for (const weight_view<S>& buffer : p.options.state) copy.buffers.push_back(copied(buffer));
      entries_.push_back(std::move(copy));
    }
  }

  /// Everything as it was, buffers included; nothing is masked.
  /// @throws argument_error (unknown_name: other parameters), shape_error (shape_mismatch: other
  /// shapes, or another number of buffers); nothing is then written
  void restore(const model<S>& net) const {
    rewind(net, std::span<const pass_state* const>{}, optimizer_buffers::restore);
  }

  /// Surviving weights as they were, what the masks have removed zero, hard or soft.
  /// @param masks named_masks, a pass_state, or several of these
  /// @throws as restore; with `zero` the number of buffers may differ
  template <masks_of<S> Masks>
  void rewind(const model<S>& net, const Masks& masks,
              optimizer_buffers buffers = optimizer_buffers::zero) const {
    const std::array<const Masks*, 1> only{&masks};
    rewind_by(net, std::span<const Masks* const>(only), buffers);
  }
  void rewind(const model<S>& net, std::span<const pass_state* const> masks,
              optimizer_buffers buffers = optimizer_buffers::zero) const {
    rewind_by(net, masks, buffers);
  }

  void save(archive_writer& out) const {
    out.tag("prunus snapshot 1");
    out.number(static_cast<std::int64_t>(sizeof(S)));
    out.number(static_cast<std::int64_t>(entries_.size()));
    for (const entry& e : entries_) {
      out.text(e.weight.name);
      out.number(static_cast<std::int64_t>(e.weight.values.size()));
      out.number(static_cast<std::int64_t>(e.buffers.size()));
      out.values(e.weight.values.data(), static_cast<Index>(e.weight.values.size()));
      for (const std::vector<S>& buffer : e.buffers)
        out.values(buffer.data(), static_cast<Index>(buffer.size()));
    }
  }
  /// Takes over what was saved of a model of the same names and shapes.
  /// @throws file_error (truncated, malformed), shape_error (shape_mismatch: of another model);
  /// this snapshot is then unchanged
  void load(archive_reader& in) {
    in.tag("prunus snapshot 1");
    const Index scalar = in.count("bytes of a number");
    const Index count = in.count("parameters");
    std::vector<entry> loaded = entries_;
    bool same =
        scalar == static_cast<Index>(sizeof(S)) && count == static_cast<Index>(loaded.size());
    for (std::size_t i = 0; same && i < loaded.size(); ++i) {
      entry& e = loaded[i];
      same = in.text() == e.weight.name &&
             in.count("values") == static_cast<Index>(e.weight.values.size());
      if (!same) break;
      const Index buffers = in.count("buffers");
      in.values(e.weight.values.data(), static_cast<Index>(e.weight.values.size()));
      e.buffers.clear();
      for (Index k = 0; k < buffers; ++k) {
        std::vector<S>& buffer = e.buffers.emplace_back(e.weight.values.size());
        in.values(buffer.data(), static_cast<Index>(buffer.size()));
      }
    }
    if (!same)
      throw shape_error(
          errc::shape_mismatch,
          detail::concat(in.origin(), ": the snapshot saved here is of another model ", "than the ",
                         entries_.size(), " parameters expected"));
    entries_ = std::move(loaded);
  }

 private:
  struct entry {
    named_tensor<S> weight;
    std::vector<std::vector<S>> buffers;
  };

  [[nodiscard]] static std::vector<S> copied(const weight_view<S>& w) {
    return std::vector<S>(w.data, w.data + w.size());
  }
  static void copy_back(const std::vector<S>& from, const weight_view<S>& to) {
    std::copy_n(from.data(), from.size(), to.data);
  }

  template <class Masks>
  void rewind_by(const model<S>& net, std::span<const Masks* const> masks,
                 optimizer_buffers buffers) const {
    check(net, buffers);
    for (const Masks* of_one : masks)
      of_one->for_each_mask(net, [](const parameter<S>&, const mask&) {});  // they fit
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const parameter<S>& p = net.parameters()[i];
      copy_back(entries_[i].weight.values, p.weight);
      for (std::size_t k = 0; k < p.options.state.size(); ++k) {
        if (buffers == optimizer_buffers::restore)
          copy_back(entries_[i].buffers[k], p.options.state[k]);
        else
          std::fill_n(p.options.state[k].data, p.weight.size(), S(0));
      }
    }
    for (const Masks* of_one : masks)
      of_one->for_each_mask(net, [](const parameter<S>& p, const mask& m) {
        m.apply(p.weight);
        for (const weight_view<S>& buffer : p.options.state) m.apply(buffer);
      });
  }

  void check(const model<S>& net, optimizer_buffers buffers) const {
    if (net.size() != static_cast<Index>(entries_.size()))
      throw argument_error(errc::unknown_name,
                           detail::concat("weight_snapshot: taken of ", entries_.size(),
                                          " parameters, the model has ", net.size()));
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const parameter<S>& p = net.parameters()[i];
      const entry& e = entries_[i];
      if (p.name != e.weight.name)
        throw argument_error(errc::unknown_name,
                             detail::concat("weight_snapshot: parameter ", i, " was ",
                                            e.weight.name, ", in the model it is ", p.name));
      if (!e.weight.view().same_shape(p.weight))
        throw shape_error(errc::shape_mismatch, detail::concat("weight_snapshot: ", p.name, " was ",
                                                               describe(e.weight.view()),
                                                               ", it is ", describe(p.weight)));
      if (buffers == optimizer_buffers::restore && e.buffers.size() != p.options.state.size())
        throw shape_error(
            errc::shape_mismatch,
            detail::concat("weight_snapshot: ", p.name, " had ", e.buffers.size(),
                           " buffers of an optimizer, it has ", p.options.state.size()));
    }
  }

  std::vector<entry> entries_;
};

}  // namespace v0
}  // namespace prunus
