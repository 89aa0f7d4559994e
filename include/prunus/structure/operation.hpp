// SPDX-License-Identifier: MIT
#pragma once

#include <prunus/structure/channel_map.hpp>
#include <prunus/structure/channel_value.hpp>
#include <prunus/structure/constant_inputs.hpp>
#include <prunus/structure/kept_channels.hpp>
#include <prunus/structure/node_description.hpp>
#include <prunus/structure/tensor_shape.hpp>

#include <concepts>     // std::copyable, std::equality_comparable, std::same_as
#include <memory>       // std::shared_ptr, std::make_shared
#include <span>         // std::span
#include <string_view>  // std::string_view
#include <type_traits>  // std::remove_cvref_t
#include <typeinfo>     // typeid
#include <utility>      // std::forward, std::move
#include <vector>       // std::vector

namespace prunus {
inline namespace v0 {
namespace detail {

template <class O>
concept names_its_kind = requires {
  { O::kind } -> std::convertible_to<std::string_view>;
};
template <class O>
concept describes_its_node = requires(const O& op, std::span<const tensor_shape> inputs) {
  { op.describe(inputs) } -> std::same_as<node_description>;
};
template <class O>
concept maps_channels = requires(const O& op, std::span<const tensor_shape> inputs) {
  { op.channels(inputs) } -> std::same_as<channel_map>;
};
template <class O>
concept propagates_constants = requires(const O& op, const constant_inputs& inputs) {
  { op.constants(inputs) } -> std::same_as<std::vector<channel_value>>;
};
template <class O>
concept shrinks = requires(const O& op, const kept_channels& kept) {
  { op.shrunk(kept) } -> std::same_as<O>;
};

}  // namespace detail

/// An operation of a graph: a value that holds its attributes and says all that the library must
/// know of it. Nothing has a default: what is forgotten does not compile.
///
/// - `O::kind`: its name for messages, `"convolution"`.
/// - `op.describe(inputs)`: shape of the result, parameters and multiply-adds, from the shapes of
///   the inputs; throws graph_error (bad_node) where they do not fit. Deterministic.
/// - `op.channels(inputs)`: how the channels of the result relate to those of the inputs.
/// - `op.constants(inputs)`: what each channel of the result is, from what is known of the inputs'.
///   It may only call a channel constant that holds the same value at every position, whatever the
///   alive channels hold; `inputs.anything()` is always right.
/// - `op.shrunk(kept)`: itself with fewer channels, such that `shrunk.describe` of the smaller
///   inputs gives the same node with fewer channels.
/// - Equality of the attributes.
///
/// `check_operation_laws` of the tests holds an operation to that. What nobody can analyse is an
/// operation::opaque.
template <class O>
concept graph_operation = std::copyable<O> && std::equality_comparable<O> &&
    detail::names_its_kind<O> && detail::describes_its_node<O> && detail::maps_channels<O> &&
    detail::propagates_constants<O> && detail::shrinks<O>;

/// Any operation of a graph, yours included. A value: copies are cheap and share what they hold,
/// which never changes.
class any_operation {
 public:
  template <class O>
    requires(!std::same_as<std::remove_cvref_t<O>, any_operation>)
  any_operation(
      O&& operation)  // NOLINT(google-explicit-constructor): an operation is any_operation
      : held_(hold<std::remove_cvref_t<O>>(std::forward<O>(operation))) {}

  [[nodiscard]] std::string_view kind() const noexcept { return held_->kind(); }
  [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const {
    return held_->describe(inputs);
  }
  [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const {
    return held_->channels(inputs);
  }
  [[nodiscard]] std::vector<channel_value> constants(const constant_inputs& inputs) const {
    return held_->constants(inputs);
  }
  [[nodiscard]] any_operation shrunk(const kept_channels& kept) const {
    return any_operation(held_->shrunk(kept));
  }

  /// The operation itself where it is an O, else null.
  template <class O>
  [[nodiscard]] const O* as() const noexcept {
    return is<O>() ? &static_cast<const holder<O>&>(*held_).operation : nullptr;
  }
  template <class O>
  [[nodiscard]] bool is() const noexcept {
    return held_->type() == typeid(O);
  }
  friend bool operator==(const any_operation& a, const any_operation& b) {
    return a.held_ == b.held_ || a.held_->equals(*b.held_);
  }

 private:
  struct interface {
    interface() = default;
    interface(const interface&) = delete;
    interface& operator=(const interface&) = delete;
    virtual ~interface() = default;
    [[nodiscard]] virtual std::string_view kind() const noexcept = 0;
    [[nodiscard]] virtual const std::type_info& type() const noexcept = 0;
    [[nodiscard]] virtual node_description describe(std::span<const tensor_shape>) const = 0;
    [[nodiscard]] virtual channel_map channels(std::span<const tensor_shape>) const = 0;
    [[nodiscard]] virtual std::vector<channel_value> constants(const constant_inputs&) const = 0;
    [[nodiscard]] virtual std::shared_ptr<const interface> shrunk(const kept_channels&) const = 0;
    [[nodiscard]] virtual bool equals(const interface&) const = 0;
  };
  template <class O>
  struct holder final : interface {
    explicit holder(O held) : operation(std::move(held)) {}
    [[nodiscard]] std::string_view kind() const noexcept override { return O::kind; }
    [[nodiscard]] const std::type_info& type() const noexcept override { return typeid(O); }
    [[nodiscard]] node_description describe(std::span<const tensor_shape> inputs) const override {
      return operation.describe(inputs);
    }
    [[nodiscard]] channel_map channels(std::span<const tensor_shape> inputs) const override {
      return operation.channels(inputs);
    }
    [[nodiscard]] std::vector<channel_value> constants(
        const constant_inputs& inputs) const override {
      return operation.constants(inputs);
    }
    [[nodiscard]] std::shared_ptr<const interface> shrunk(
        const kept_channels& kept) const override {
      return std::make_shared<holder>(operation.shrunk(kept));
    }
    [[nodiscard]] bool equals(const interface& other) const override {
      return other.type() == typeid(O) && static_cast<const holder&>(other).operation == operation;
    }
    O operation;
  };

  template <class T>
  [[nodiscard]] static std::shared_ptr<const interface> hold(T operation) {
    static_assert(detail::names_its_kind<T>,
                  "prunus: an operation must have `static constexpr std::string_view kind`");
    static_assert(detail::describes_its_node<T>,
                  "prunus: an operation must have `node_description "
                  "describe(std::span<const tensor_shape>) const`");
    static_assert(detail::maps_channels<T>,
                  "prunus: an operation must have `channel_map "
                  "channels(std::span<const tensor_shape>) const`");
    static_assert(detail::propagates_constants<T>,
                  "prunus: an operation must have `std::vector<channel_value> constants(const "
                  "constant_inputs&) const`");
    static_assert(detail::shrinks<T>,
                  "prunus: an operation must have `shrunk(const kept_channels&) const`, which "
                  "returns an operation of the same type");
    static_assert(std::copyable<T> && std::equality_comparable<T>,
                  "prunus: an operation must be a value: copyable, and comparable with ==");
    if constexpr (graph_operation<T>)
      return std::make_shared<holder<T>>(std::move(operation));
    else
      return nullptr;
  }

  explicit any_operation(std::shared_ptr<const interface> held) : held_(std::move(held)) {}

  std::shared_ptr<const interface> held_;
};

}  // namespace v0
}  // namespace prunus
