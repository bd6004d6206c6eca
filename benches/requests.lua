-- What wrk sends: a browser's requests for many links, written once and sent in turn. BENCH_PATHS names a file with a path a line.
local browser = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140."
local requests, at = {}, 0

function init(args)
  for path in io.lines(os.getenv("BENCH_PATHS")) do
    local headers = {
      ["User-Agent"] = browser .. #requests,
      ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
      ["Accept-Language"] = "en-GB,en;q=0.5",
      ["Accept-Encoding"] = "gzip, deflate, br, zstd",
      ["Referer"] = "https://blog.example/best-of-" .. (#requests % 50),
      ["Sec-Fetch-Dest"] = "document",
      ["Sec-Fetch-Mode"] = "navigate",
      ["Sec-Fetch-Site"] = "cross-site",
    }
    requests[#requests + 1] = wrk.format("GET", path, headers)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
