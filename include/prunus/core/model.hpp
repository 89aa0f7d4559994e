// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/error.hpp>
#include <prunus/core/keep_reason.hpp>
#include <prunus/core/unit_map.hpp>
#include <prunus/core/view.hpp>

#include <cstddef>      // std::size_t
#include <cstdint>      // std::uintptr_t
#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// Which way a number of kept tiles goes when it must be a multiple.
enum class rounding : std::uint8_t { up, down, nearest };

/// What pruning must leave of one parameter.
///
/// Where tiles take whole outputs or inputs (filter, head(n), channel) these are numbers of
/// channels, also where one unit of a coupling is several of them (a head, a channel of every
/// group): 4 heads of 16 fit `multiple_of = 8` after any removal. For all other tiles they are
/// numbers of tiles.
struct limits {
  Index min_kept = 1;     ///< that always stay; at least 1 is kept whatever stands here
  Index multiple_of = 1;  ///< what stays is a multiple of this, or all: SIMD widths
  rounding round =
      rounding::nearest;  ///< which multiple; `nearest` takes the upper one of two equally near
  friend constexpr bool operator==(const limits&, const limits&) = default;
};

/// What `model::add` may be told of a weight.
template <weight_scalar S>
struct parameter_options {
  weight_view<S> gradient{};  ///< of the same shape; can be held at zero where the weight is pruned
  std::vector<weight_view<S>>
      state{};  ///< the optimizer's buffers of the same shape (momentum, moments)
  /// Unset: matrices and convolutions may be pruned; vectors, what follows a coupling (a bias, a
  /// scale, a shift) by itself, and outputs of the network may not. `true` asks for it all the
  /// same, `false` forbids it, also for what would follow.
  std::optional<bool> prunable{};
  /// What this weight makes are the outputs of the network: no tile takes them. To be said of one
  /// weight at least where no graph tells (see `couple`) and tiles take whole outputs.
  bool output = false;
  std::optional<prunus::limits> limits{};  ///< unset: those of the pass
};

/// A named view on one of the user's tensors.
template <weight_scalar S>
struct parameter {
  std::string name;
  weight_view<S> weight;
  parameter_options<S> options{};
};

/// Weights that must live and die together: unit `u` of the coupling is, in each member, every
/// position `i` along the member's axis with `unit_of[i] == u`.
///
/// `scored` members are weights whose tiles make up the score of a unit; the others (biases, scales
/// and shifts of a normalisation) only follow. Computed from a graph by `network_structure`, or
/// declared by hand.
struct coupling {
  struct member {
    std::string parameter;
    prunus::axis axis = axis::out;
    unit_map unit_of;
    bool scored = true;
    bool scale = false;  ///< the scale of a normalisation: how much of a channel is let through
  };
  std::string name;
  Index units = 0;
  std::vector<member> members;
  /// One entry a unit: why it must stay, if it must; empty where every unit may go.
  std::vector<std::optional<keep_reason>> stays{};

  [[nodiscard]] bool may_go(Index unit) const noexcept {
    return stays.empty() || !stays[static_cast<std::size_t>(unit)];
  }
  /// Some unit may go.
  [[nodiscard]] bool prunable() const noexcept {
    for (Index unit = 0; unit < units; ++unit)
      if (may_go(unit)) return true;
    return false;
  }
};

/// The user's parameters, by name and in the order of their registration. Holds views, never
/// weights.
template <weight_scalar S>
class model {
 public:
  using Scalar = S;

  /// Registers a view on a tensor that outlives the model.
  /// @throws argument_error (unknown_name: an empty one; null_storage, duplicate_name,
  ///         overlapping_storage), shape_error (shape_mismatch: gradient or state of another shape)
  void add(std::string name, weight_view<S> weight, parameter_options<S> options = {}) {
    if (name.empty())
      throw argument_error(errc::unknown_name, "model.add: a parameter needs a name");
    if (weight.data == nullptr)
      throw argument_error(errc::null_storage,
                           detail::concat("model.add: ", name, " is a view of nothing"));
    if (find(name) != nullptr)
      throw argument_error(errc::duplicate_name,
                           detail::concat("model.add: ", name, " is registered already; ",
                                          "every parameter needs a name of its own"));
    for (const parameter<S>& other : parameters_)
      if (overlap(weight, other.weight))
        throw argument_error(errc::overlapping_storage,
                             detail::concat("model.add: ", name, " shares memory with ", other.name,
                                            "; register shared weights once"));
    check_companion(name, "gradient", weight, options.gradient);
    for (const weight_view<S>& state : options.state) {
      if (state.data == nullptr)
        throw argument_error(errc::null_storage, detail::concat("model.add: an optimizer state of ",
                                                                name, " is a view of nothing"));
      check_companion(name, "optimizer state", weight, state);
    }
    parameters_.push_back({std::move(name), weight, std::move(options)});
  }

  /// Says which weights live and die together; replaces what was said before.
  /// @throws argument_error (unknown_name), shape_error (shape_mismatch)
  void couple(std::vector<coupling> couplings) {
    for (const coupling& c : couplings) {
      if (!c.stays.empty() && static_cast<Index>(c.stays.size()) != c.units)
        throw shape_error(errc::shape_mismatch,
                          detail::concat("model.couple: ", c.name, " says of ", c.stays.size(),
                                         " units whether they stay, it has ", c.units));
      for (const coupling::member& m : c.members) {
        const Index extent = (*this)[m.parameter].weight.extent(m.axis);
        if (static_cast<Index>(m.unit_of.size()) != extent)
          throw shape_error(
              errc::shape_mismatch,
              detail::concat("model.couple: ", c.name, " maps ", m.unit_of.size(), " positions of ",
                             m.parameter, ", which has ", extent, " along ", name_of(m.axis)));
        for (Index unit : m.unit_of)
          if (unit < 0 || unit >= c.units)
            throw argument_error(errc::out_of_range,
                                 detail::concat("model.couple: ", c.name, " maps ", m.parameter,
                                                " to unit ", unit, " of ", c.units));
      }
    }
    couplings_ = std::move(couplings);
  }

  [[nodiscard]] const std::vector<parameter<S>>& parameters() const noexcept { return parameters_; }
  [[nodiscard]] const std::vector<coupling>& couplings() const noexcept { return couplings_; }
  [[nodiscard]] bool empty() const noexcept { return parameters_.empty(); }
  [[nodiscard]] Index size() const noexcept { return static_cast<Index>(parameters_.size()); }

  /// The parameter of that name, or nullptr.
  [[nodiscard]] const parameter<S>* find(std::string_view name) const noexcept {
    for (const parameter<S>& p : parameters_)
      if (p.name == name) return &p;
    return nullptr;
  }
  /// @throws argument_error (unknown_name)
  [[nodiscard]] const parameter<S>& operator[](std::string_view name) const {
    if (const parameter<S>* found = find(name)) return *found;
    throw argument_error(errc::unknown_name, detail::concat("model: no parameter is called ", name,
                                                            "; ", size(), " are registered"));
  }

 private:
  [[nodiscard]] static bool overlap(const weight_view<S>& a, const weight_view<S>& b) noexcept {
    const auto begin = [](const weight_view<S>& w) {
      return reinterpret_cast<std::uintptr_t>(w.data);
    };
    const auto end = [](const weight_view<S>& w) {
      return reinterpret_cast<std::uintptr_t>(w.data + w.size());
    };
    return begin(a) < end(b) && begin(b) < end(a);
  }
  static void check_companion(const std::string& name, std::string_view what,
                              const weight_view<S>& weight, const weight_view<S>& companion) {
    if (companion.data != nullptr && !companion.same_shape(weight))
      throw shape_error(
          errc::shape_mismatch,
          detail::concat("model.add: ", name, " is ", describe(weight), ", its ", what, " is ",
                         describe(companion), "; they must have the same shape and layout"));
  }

  std::vector<parameter<S>> parameters_;
  std::vector<coupling> couplings_;
};

}  // namespace v0
}  // namespace prunus
