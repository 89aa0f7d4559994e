// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/core/compiled_on_use.hpp>
#include <prunus/core/error.hpp>
#include <prunus/core/keep_reason.hpp>
#include <prunus/core/view.hpp>
#include <prunus/structure/cost.hpp>

#include <array>        // std::array
#include <charconv>     // std::to_chars
#include <cstdint>      // std::uint8_t
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {

/// What will be physically removed from a network, from which tensors, and why. A value: it holds
/// no weights and no graph; it can be compared, printed (`to_text`), saved (`save_plan`), and
/// applied to any network of the same shapes.
struct plan {
  enum class removal_reason : std::uint8_t {
    constant,  ///< whoever reads it reads a constant, zero or not
    unread,    ///< nobody reads it
    requested  ///< the caller named it
  };
  /// One unit of a coupling that goes.
  struct removal {
    std::string coupling;
    Index unit = 0;
    removal_reason reason = removal_reason::constant;
    std::string sentence;  ///< what goes with it, as `explain` says it
    friend bool operator==(const removal&, const removal&) = default;
  };

  /// What one tensor loses.
  struct tensor_slice {
    std::string tensor;
    std::array<Index, 4> extents{1, 1, 1, 1};  ///< before: out, in, height, width
    std::vector<Index> out;                    ///< removed positions along the out axis, ascending
    std::vector<Index> in;                     ///< removed positions along the in axis, ascending
    [[nodiscard]] Index kept_out() const noexcept {
      return extents[0] - static_cast<Index>(out.size());
    }
    [[nodiscard]] Index kept_in() const noexcept {
      return extents[1] - static_cast<Index>(in.size());
    }
    friend bool operator==(const tensor_slice&, const tensor_slice&) = default;
  };

  /// Which tensor takes over what a removed channel added to a layer.
  enum class receiver : std::uint8_t {
    bias,         ///< the layer's bias
    new_bias,     ///< a bias that the layer does not have yet
    running_mean  ///< the running mean of the batch normalisation that alone reads the layer
  };
  /// A removed channel that emits a constant other than zero: `value` times the sum of its kernel
  /// goes to `tensor`.
  struct fold {
    std::string from;   ///< node that emits it
    Index channel = 0;  ///< of that node's result
    double value = 0;
    std::string weight;  ///< tensor that reads it
    Index groups = 1;    ///< of that tensor's layer
    receiver into = receiver::bias;
    std::string tensor;
    friend bool operator==(const fold&, const fold&) = default;
  };

  /// A bias that compaction creates.
  struct new_tensor {
    std::string name;
    std::string weight;  ///< to whose outputs it is added
    Index size = 0;
    friend bool operator==(const new_tensor&, const new_tensor&) = default;
  };

  /// A channel that is dead, or was named by the caller, or that an opaque operation keeps, and
  /// stays. For named units: the coupling and the unit.
  struct kept_channel {
    std::string node;
    Index channel = 0;
    keep_reason reason = keep_reason::partly_alive;
    std::string because_of;  ///< the node that needs it
    friend bool operator==(const kept_channel&, const kept_channel&) = default;
  };
  /// A removed channel that `layer` reads as if zero padding continued its constant: outputs change
  /// near the border.
  struct approximation {
    std::string from;   ///< node that emits it
    Index channel = 0;  ///< of that node's result
    std::string layer;
    friend bool operator==(const approximation&, const approximation&) = default;
  };

  /// A node of which it is not known how it uses channels that reach it: these stay.
  struct opaque_node {
    std::string node;
    std::string kind;    ///< of its operation
    Index channels = 0;  ///< that reach it
    friend bool operator==(const opaque_node&, const opaque_node&) = default;
  };

  cost before, after;
  std::vector<removal> removed;
  std::vector<tensor_slice> slices;
  std::vector<fold> folds;
  std::vector<new_tensor> new_tensors;
  std::vector<kept_channel> kept;
  std::vector<approximation> approximations;
  std::vector<opaque_node> opaque;

  /// Nothing is removed.
  [[nodiscard]] bool empty() const noexcept { return removed.empty(); }
  /// The compacted network gives the same outputs within rounding, for the weights that the plan
  /// was made from. A plan from channels that the caller named never claims it.
  [[nodiscard]] bool is_exact() const noexcept {
    for (const removal& r : removed)
      if (r.reason == removal_reason::requested) return false;
    return approximations.empty();
  }
  /// What that tensor loses, or nullptr where it stays whole.
  [[nodiscard]] const tensor_slice* find(std::string_view tensor) const noexcept {
    for (const tensor_slice& c : slices)
      if (c.tensor == tensor) return &c;
    return nullptr;
  }
  friend bool operator==(const plan&, const plan&) = default;
};

namespace detail {

/// The shortest decimal that reads back as the same double.
[[nodiscard]] inline std::string shortest(double value) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return {digits.data(), end};
}

[[nodiscard]] inline std::string words_for(const plan::removal& r) {
  switch (r.reason) {
    case plan::removal_reason::constant:
      return "its value is the same for every input";
    case plan::removal_reason::unread:
      return "nobody reads it";
    case plan::removal_reason::requested:
      return "as requested";
  }
  return {};
}
[[nodiscard]] inline std::string words_for(const plan::fold& f) {
  const std::string_view how =
      f.into == plan::receiver::new_bias ? ", which is new, takes it over" : " takes it over";
  return concat(f.from, ":", f.channel, " emits ", shortest(f.value), " to ", f.weight, ": ",
                f.tensor, how);
}
template <class = compiled_on_use>
[[nodiscard]] std::string words_for(const plan::kept_channel& k) {
  const auto why = [&]() -> std::string {
    switch (k.reason) {
      case keep_reason::zero_padding:
        return concat("it emits a constant that the zero padding of ", k.because_of,
                      " breaks at the border");
      case keep_reason::layer_norm:
        return concat("the statistics of ", k.because_of, " count it");
      case keep_reason::partly_alive:
        return concat("it is tied to channels of ", k.because_of, " that are alive");
      case keep_reason::last_of_layer:
        return concat(k.because_of, " would be left without channels");
      case keep_reason::output_of_network:
        return concat("the output ", k.because_of, " needs it");
      case keep_reason::input_of_network:
        return concat("it is tied to the input ", k.because_of);
      case keep_reason::opaque:
        return concat("nothing is known of how ", k.because_of, " uses it");
    }
    return {};
  };
  return concat("keeping ", k.node, ":", k.channel, ": ", why());
}

}  // namespace detail

/// The plan in words, one statement a line.
template <class = compiled_on_use>
[[nodiscard]] std::string to_text(const plan& p) {
  std::string text;
  if (p.empty()) {
    text = "nothing is removed\n";
  } else {
    text = detail::concat("removes ", p.removed.size(),
                          p.removed.size() == 1 ? " unit: " : " units: ", p.before.macs, " -> ",
                          p.after.macs, " MACs, ", p.before.parameters, " -> ", p.after.parameters,
                          " parameters, ", p.before.bytes, " -> ", p.after.bytes, " bytes\n");
  }
  for (const plan::removal& r : p.removed)
    text += detail::concat(r.sentence, "; ", detail::words_for(r), "\n");
  for (const plan::fold& f : p.folds) text += detail::words_for(f) + "\n";
  for (const plan::kept_channel& k : p.kept) text += detail::words_for(k) + "\n";
  for (const plan::approximation& a : p.approximations)
    text += detail::concat("not exact: to ", a.layer, ", ", a.from, ":", a.channel,
                           " counts as a constant, though zero padding breaks it at the border\n");
  for (const plan::opaque_node& o : p.opaque)
    text += detail::concat("keeping the ", o.channels, " channels that reach ", o.node,
                           ": nothing is known of how ", o.kind, " uses them\n");
  return text;
}

}  // namespace v0
}  // namespace prunus
