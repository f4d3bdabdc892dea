# Numbers of R's sva, to compare genex_helpers.combat with.
#
#     Rscript experiments/combat_sva.R TABLE.csv
#
# Made with R 4.2.2, sva 3.46.0 and bladderbatch 1.36.0, the packages of Debian 12
# (r-base-core, r-bioc-sva, r-bioc-bladderbatch). Writes for each design its input
# `value`, its batch, its covariates, and what sva made of it, `corrected`.
# experiments/combat_sva.py runs this and stores the table with its record.
suppressMessages({
  library(sva)
  library(bladderbatch)
})
set.seed(7)

simulated <- function(sizes, genes = 16) {
  batch <- rep(seq_along(sizes), sizes)
  shift <- matrix(rnorm(length(sizes) * genes), genes)
  scale <- matrix(exp(rnorm(length(sizes) * genes, sd = 0.4)), genes)
  base <- rnorm(genes, 8, 2)
  noise <- matrix(rnorm(genes * length(batch)), genes)
  list(x = base + shift[, batch] + scale[, batch] * noise, batch = batch)
}

rows <- function(name, x, batch, group = NULL, age = NULL, mean.only = FALSE) {
  mod <- NULL
  if (!is.null(group)) mod <- model.matrix(~ as.factor(group))
  if (!is.null(age)) mod <- model.matrix(~ as.factor(group) + age)
  corrected <- suppressMessages(
    ComBat(x, batch, mod = mod, mean.only = mean.only)
  )
  n <- ncol(x)
  data.frame(
    design = name, mean_only = mean.only,
    sample = rep(seq_len(n) - 1, each = nrow(x)),
    gene = rep(seq_len(nrow(x)) - 1, n),
    batch = rep(batch, each = nrow(x)),
    group = rep(if (is.null(group)) rep("", n) else group, each = nrow(x)),
    age = rep(if (is.null(age)) rep(NA, n) else age, each = nrow(x)),
    value = as.vector(x), corrected = as.vector(corrected)
  )
}

even <- simulated(c(6, 6))
uneven <- simulated(c(9, 3, 5))
single <- simulated(c(4, 1, 5))
flat <- simulated(c(5, 4))
flat$x[3, flat$batch == 2] <- 4
pick <- function(n, kinds) sample(rep_len(kinds, n))
data(bladderdata)
pheno <- pData(bladderEset)
expression <- exprs(bladderEset)[seq(1, 22283, by = 1400), ]
tissue <- tolower(as.character(pheno$cancer))

found <- rbind(
  rows("two even batches", even$x, even$batch),
  rows("three uneven batches", uneven$x, uneven$batch),
  rows("uneven with a class", uneven$x, uneven$batch,
       group = c("a", "a", "a", "a", "a", "b", "b", "c", "c",
                 "a", "b", "b", "c", "c", "a", "b", "b")),
  rows("class and number", uneven$x, uneven$batch,
       group = pick(17, c("a", "b")), age = round(rnorm(17, 40, 9))),
  rows("shift only", uneven$x, uneven$batch, mean.only = TRUE),
  rows("shift only with a class", uneven$x, uneven$batch,
       group = pick(17, c("a", "b")), mean.only = TRUE),
  rows("a batch of one", single$x, single$batch, mean.only = TRUE),
  rows("a gene constant in a batch", flat$x, flat$batch),
  rows("bladder", expression, pheno$batch),
  rows("bladder with tissue", expression, pheno$batch, group = tissue)
)
number <- c("value", "corrected")
found[number] <- lapply(found[number], function(v) sprintf("%.12g", v))
path <- commandArgs(trailingOnly = TRUE)[1]
write.csv(found, path, row.names = FALSE, quote = FALSE, na = "")
cat(sprintf("%s: %d rows, sva %s, %s\n", path, nrow(found),
            packageVersion("sva"), R.version.string))
