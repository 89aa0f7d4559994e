// SPDX-License-Identifier: MIT
#include <prunus/core/error.hpp>

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <examples/support/csv.hpp>

#include <limits>  // std::numeric_limits
#include <string>  // std::string
#include <vector>  // std::vector

using prunus_examples::csv_table;

TEST_CASE("csv_table writes numbers that read back as they were", "[examples][csv]") {
  csv_table table({"epoch", "accuracy", "loss", "pruned", "delta"});
  table.add(3, 0.1, 0.1F, true, -2L);
  table.add(4LL, 1e-7, 1e20, false, std::numeric_limits<double>::quiet_NaN());
  CHECK(table.text() ==
        "epoch,accuracy,loss,pruned,delta\n"
        "3,0.1,0.1,1,-2\n"
        "4,1e-07,1e+20,0,nan\n");
}

TEST_CASE("csv_table quotes texts that need it and no others", "[examples][csv]") {
  csv_table table({"name", "a,b"});
  table.add("plain text", std::string("with, comma"));
  table.add("say \"hi\"", "two\nlines");
  CHECK(table.text() ==
        "name,\"a,b\"\n"
        "plain text,\"with, comma\"\n"
        "\"say \"\"hi\"\"\",\"two\nlines\"\n");
}

TEST_CASE("csv_table refuses a row of another length and keeps its rows", "[examples][csv]") {
  csv_table table({"a", "b"});
  table.add(1, 2);
  const auto code_of = [](auto&& call) {
    try {
      call();
    } catch (const prunus::shape_error& error) {
      return error.code();
    }
    return prunus::errc{};
  };
  CHECK(code_of([&] { table.add(1); }) == prunus::errc::shape_mismatch);
  CHECK(code_of([&] { table.add(1, 2, 3); }) == prunus::errc::shape_mismatch);
  CHECK(code_of([&] { table.add(); }) == prunus::errc::shape_mismatch);
  CHECK(code_of([] { csv_table(std::vector<std::string>{}); }) == prunus::errc::shape_mismatch);
  CHECK(table.text() == "a,b\n1,2\n");
}

TEST_CASE("csv_table writes its file anew, whole each time", "[examples][csv]") {
  const temporary_folder folder("csv");
  csv_table table({"step", "value"});
  for (int step = 0; step < 3; ++step) {
    table.add(step, 0.5 * step);
    table.write(folder / "run.csv");
    CHECK(contents_of(folder / "run.csv") == table.text());
  }
  CHECK(folder.files() == 1);
}

TEST_CASE("csv_table that cannot be written says where", "[examples][csv]") {
  const temporary_folder folder("csv");
  try {
    csv_table({"a"}).write(folder / "missing/run.csv");
    FAIL("no exception");
  } catch (const prunus::file_error& error) {
    CHECK(error.code() == prunus::errc::cannot_open);
  }
  CHECK(folder.files() == 0);
}
