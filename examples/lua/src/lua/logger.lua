-- The logger of each instance. It prints, because the console of an engine is where `print` leads.
local Logger = {}
Logger.__index = Logger
Logger.Level = {
    FATAL = 0, ERROR = 1, WARN = 2, INFO = 3, DEBUG = 4, TRACE = 5,
}
for name, level in pairs({ FATAL = 0, ERROR = 1, WARN = 2, INFO = 3, DEBUG = 4, TRACE = 5 }) do
    Logger[name] = level
end

function Logger.new(prefix, level)
    return setmetatable({
        prefix = prefix or "",
        level = level or Logger.Level.INFO,
    }, Logger)
end

function Logger:setLevel(level) self.level = level end
function Logger:getLevel() return self.level end
function Logger:setPrefix(prefix) self.prefix = prefix end
function Logger:getPrefix() return self.prefix end
function Logger:isLevelEnabled(level) return level <= self.level end

local function write(self, level, name, ...)
    if level > self.level then return end
    local parts = { name }
    if self.prefix ~= "" then parts[2] = self.prefix end
    for i = 1, select("#", ...) do
        parts[#parts + 1] = tostring((select(i, ...)))
    end
    print(table.concat(parts, " "))
end

function Logger:fatal(...) write(self, 0, "FATAL", ...) end
function Logger:error(...) write(self, 1, "ERROR", ...) end
function Logger:warn(...) write(self, 2, "WARN", ...) end
function Logger:info(...) write(self, 3, "INFO", ...) end
function Logger:debug(...) write(self, 4, "DEBUG", ...) end
function Logger:trace(...) write(self, 5, "TRACE", ...) end

return Logger
