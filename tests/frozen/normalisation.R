# Numbers of DESeq2, edgeR and limma, to compare genex_helpers.normalisation with.
#
#     python tests/frozen/normalisation.py
#
# exports the book's counts and calls this script with the folder of the counts and the
# folder to write to. Made with R 4.2.2, DESeq2 1.38.3, edgeR 3.40.2 and limma 3.54.1,
# the packages of Debian 12 (r-bioc-deseq2, r-bioc-edger, r-bioc-limma).
suppressMessages({
  library(DESeq2)
  library(edgeR)
  library(limma)
})
folders <- commandArgs(trailingOnly = TRUE)
stopifnot(length(folders) == 2)

read <- function(name) {
  path <- file.path(folders[1], paste0(name, ".csv"))
  read.csv(path, row.names = 1, check.names = FALSE)
}

# 17 digits give every double back as it was
save <- function(table, name) {
  table$value <- sprintf("%.17g", table$value)
  path <- file.path(folders[2], paste0("normalisation_", name, ".csv"))
  write.csv(table, path, row.names = FALSE, quote = FALSE)
  cat(sprintf("%s: %d rows\n", basename(path), nrow(table)))
}

factors <- function(name, counts, means = NULL) {
  design <- data.frame(sample = colnames(counts))
  set <- DESeqDataSetFromMatrix(as.matrix(counts), design, ~ 1)
  set <- if (is.null(means)) {
    estimateSizeFactors(set)
  } else {
    estimateSizeFactors(set, geoMeans = means)
  }
  data.frame(data = name, sample = colnames(counts), value = sizeFactors(set))
}

# The reference from the untreated cultures alone, the factors of the treated ones.
airway <- read("airway")
untreated <- read("treatment")[colnames(airway), "treatment"] == "untreated"
means <- exp(rowMeans(log(airway[, untreated])))
all <- lapply(c("airway", "pasilla", "lymphoblastoid", "kidney_liver"),
              function(name) factors(name, read(name)))
frozen <- factors("airway from untreated", airway[, !untreated], means)
save(do.call(rbind, c(all, list(frozen))), "size_factors")

long <- function(measure, table) {
  kept <- table[seq(1, nrow(table), by = 200), ]
  data.frame(
    measure = measure,
    sample = rep(colnames(kept), each = nrow(kept)),
    gene = rep(rownames(kept), ncol(kept)),
    value = as.vector(kept)
  )
}

counts <- as.matrix(read("kidney_liver"))
bases <- read("lengths")[rownames(counts), "bases"]
per_million <- cpm(counts, log = FALSE)
per_kilobase <- rpkm(counts, gene.length = bases, log = FALSE)
save(rbind(
  long("cpm", per_million),
  long("rpkm", per_kilobase),
  # zeros are tied, and so are genes with few reads
  long("quantiles", normalizeQuantiles(log2(per_million + 1), ties = TRUE))
), "values")
for (package in c("DESeq2", "edgeR", "limma")) {
  cat(package, as.character(packageVersion(package)), "\n")
}
cat(R.version.string, "\n")
