// SPDX-License-Identifier: MIT
#include <prunus/simd/row_products.hpp>

#include "support/catch.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <vector>

namespace {

using prunus::Index;
namespace detail = prunus::detail;

template <class S>
struct matrix {
  Index rows, terms;
  std::vector<S> values;
  matrix(Index r, Index t, unsigned seed) : rows(r), terms(t) {
    std::mt19937 random(seed);
    std::normal_distribution<S> normal;
    for (Index i = 0; i < r * t; ++i) values.push_back(normal(random));
  }
  [[nodiscard]] S& at(Index row, Index term) {
    return values[static_cast<std::size_t>(row * terms + term)];
  }
};

template <class S>
struct products {
  Index pitch;
  std::vector<S> sums;

  /// In two parts, as callers with many terms do it.
  products(matrix<S>& a, matrix<S>& b, bool below)
      : pitch((a.rows + detail::lanes<S> - 1) / detail::lanes<S> * detail::lanes<S>),
        sums(static_cast<std::size_t>(pitch * b.rows), S(-1)) {
    std::vector<S> columns(static_cast<std::size_t>(pitch * a.terms));
    detail::transpose(a.values.data(), a.terms, a.rows, a.terms, columns.data(), pitch);
    const Index half = a.terms / 2;
    for (const bool second : {false, true}) {
      const Index from = second ? half : 0, count = second ? a.terms - half : half;
      detail::products_of_rows<S>({columns.data() + from * pitch, pitch, a.rows},
                                  {b.values.data() + from, b.terms, b.rows}, count, below, second,
                                  sums.data());
    }
  }
  [[nodiscard]] S at(Index i, Index j) const {
    return sums[static_cast<std::size_t>(j * pitch + i)];
  }
};

}  // namespace

TEMPLATE_TEST_CASE("runtime/products of all rows: as a naive loop", "[runtime]", float, double) {
  for (const Index rows : {1, 2, 7, 16, 23, 50, 65})
    for (const Index others : {1, 3, 5, 8, 17, 50})
      for (const Index terms : {1, 6, 37}) {
        matrix<TestType> a(rows, terms, 1), b(others, terms, 2);
        const products<TestType> found(a, b, false);
        for (Index i = 0; i < rows; ++i)
          for (Index j = 0; j < others; ++j) {
            double sum = 0, magnitude = 0;
            for (Index k = 0; k < terms; ++k) {
              const double term = double(a.at(i, k)) * double(b.at(j, k));
              sum += term;
              magnitude += std::abs(term);
            }
            CAPTURE(rows, others, terms, i, j);
            REQUIRE(std::abs(double(found.at(i, j)) - sum) <=
                    double(terms) * double(std::numeric_limits<TestType>::epsilon()) * magnitude);
          }
      }
}

TEMPLATE_TEST_CASE("runtime/products of all rows: below the diagonal the same, to the last bit",
                   "[runtime]", float, double) {
  for (const Index rows : {1, 2, 9, 17, 33, 50, 100}) {
    matrix<TestType> a(rows, 21, 3);
    const products<TestType> all(a, a, false), half(a, a, true);
    for (Index j = 0; j < rows; ++j)
      for (Index i = j + 1; i < rows; ++i) {
        CAPTURE(rows, i, j);
        REQUIRE(half.at(i, j) == all.at(i, j));
        REQUIRE(all.at(i, j) == all.at(j, i));
      }
  }
}

TEMPLATE_TEST_CASE("runtime/products of all rows: equal rows have equal products wherever they are",
                   "[runtime]", float, double) {
  matrix<TestType> a(75, 40, 4);
  for (const Index twin : {11, 48, 74})
    for (Index k = 0; k < a.terms; ++k) a.at(twin, k) = a.at(3, k);
  const products<TestType> found(a, a, false);
  for (const Index twin : {11, 48, 74})
    for (Index i = 0; i < a.rows; ++i) {
      REQUIRE(found.at(i, twin) == found.at(i, 3));
      REQUIRE(found.at(twin, i) == found.at(3, i));
    }
}
