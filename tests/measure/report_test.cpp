// SPDX-License-Identifier: MIT
#include <prunus/measure/report.hpp>

#include "support/catch.hpp"

#include <string>  // std::string

namespace {

const prunus::measurement dense{.accuracy = 0.9871,
                                .macs = 1234567,
                                .parameters = 61706,
                                .bytes = 246824,
                                .latencies = {{1, 0.00231}, {2, 0.00142}}};
const prunus::measurement pruned{.accuracy = 0.9842,
                                 .macs = 412000,
                                 .parameters = 9100,
                                 .bytes = 36400,
                                 .latencies = {{2, 0.0007}, {1, 0.00106}}};

}  // namespace

TEST_CASE("to_text aligns the numbers and ends with the verdict", "[measure][report]") {
  CHECK(prunus::to_text(prunus::make_report(dense, pruned)) ==
        "                       dense     pruned      ratio\n"
        "--------------------------------------------------\n"
        "accuracy             98.71 %    98.42 %   -0.29 pt\n"
        "MACs                  1.23 M      412 k   0.334 x\n"
        "parameters            61.7 k     9.10 k   0.147 x\n"
        "bytes                 247 kB    36.4 kB   0.147 x\n"
        "latency, 1 thread    2.31 ms    1.06 ms   0.459 x\n"
        "latency, 2 threads   1.42 ms   0.700 ms   0.493 x\n"
        "--------------------------------------------------\n"
        "use pruned: 0.493 x the time with 2 threads (the worst case), accuracy -0.29 points\n");
}

TEST_CASE("to_text leaves out what neither side has and marks what one side has not",
          "[measure][report]") {
  const prunus::measurement small{.parameters = 0, .latencies = {{1, 0.5}}};
  const prunus::measurement smaller{.macs = 1000, .parameters = 0};
  CHECK(prunus::to_text(prunus::make_report(small, smaller)) ==
        "                     dense   pruned   ratio\n"
        "-------------------------------------------\n"
        "MACs                     -   1.00 k       -\n"
        "parameters               0        0       -\n"
        "latency, 1 thread   500 ms        -       -\n"
        "-------------------------------------------\n"
        "undecided: no latency was measured on both sides, and fewer operations need not take less "
        "time\n");
}

TEST_CASE("to_markdown writes a table and the verdict below", "[measure][report]") {
  const prunus::measurement before{.accuracy = 0.5, .latencies = {{1, 2}}};
  const prunus::measurement after{.accuracy = 0.75, .latencies = {{1, 1}}};
  CHECK(prunus::to_markdown(prunus::make_report(before, after)) ==
        "| | dense | pruned | ratio |\n"
        "|:---|---:|---:|---:|\n"
        "| accuracy | 50.00 % | 75.00 % | +25.00 pt |\n"
        "| latency, 1 thread | 2000 ms | 1000 ms | 0.500 x |\n"
        "\n"
        "**use pruned: 0.5 x the time with 1 thread, accuracy +25.00 points**\n");
}

TEST_CASE("to_csv writes plain numbers in full precision and leaves gaps empty",
          "[measure][report]") {
  const prunus::measurement before{
      .accuracy = 0.5, .macs = 1e12, .parameters = 0, .latencies = {{1, 0.1}, {2, 0.0625}}};
  const prunus::measurement after{
      .accuracy = 0.75, .macs = 2.5e11, .parameters = 3, .latencies = {{1, 0.3}}};
  CHECK(prunus::to_csv(prunus::make_report(before, after)) ==
        "quantity,dense,pruned,ratio\n"
        "accuracy,0.5,0.75,1.5\n"
        "macs,1e+12,2.5e+11,0.25\n"
        "parameters,0,3,\n"
        "seconds_1_thread,0.1,0.3,2.9999999999999996\n"
        "seconds_2_threads,0.0625,,\n");
}

TEST_CASE("numbers keep three digits and a unit that fits", "[measure][report]") {
  using prunus::detail::scaled_text;
  CHECK(scaled_text(0, "") == "0");
  CHECK(scaled_text(999, "") == "999");
  CHECK(scaled_text(12.5, "") == "12.5");
  CHECK(scaled_text(999.7, "") == "1.00 k");
  CHECK(scaled_text(1000, "") == "1.00 k");
  CHECK(scaled_text(999499, "") == "999 k");
  CHECK(scaled_text(999500, "") == "1.00 M");
  CHECK(scaled_text(9996, "") == "10.0 k");
  CHECK(scaled_text(4.1e9, "") == "4.10 G");
  CHECK(scaled_text(512, "B") == "512 B");
  CHECK(scaled_text(2.5e17, "B") == "250 PB");
  CHECK(scaled_text(2.5e19, "B") == "25000 PB");

  using prunus::detail::milliseconds_text;
  CHECK(milliseconds_text(0.0000123) == "0.0123 ms");
  CHECK(milliseconds_text(0.0099961) == "10.0 ms");
  CHECK(milliseconds_text(1.5) == "1500 ms");
}
